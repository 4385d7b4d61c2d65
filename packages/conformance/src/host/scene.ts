import { inSetUp } from '../failure.ts';
import * as adapter from '../wire/adapter-commands.ts';
import type { WireCommand } from '../wire/command.ts';
import * as memory from '../wire/memory-commands.ts';
import { type Fields, longs, units, words } from '../wire/message.ts';
import * as sync from '../wire/sync-commands.ts';
import type { Reply } from './reply.ts';
import type { SendOptions, WireGuest } from './wire-guest.ts';

/** What the kit has to know of a host's own driver: nothing of it is part of the protocol. */
export interface HostProfile {
  /** Private data of an allocation of so many bytes. Default: eight bytes that say the size. */
  readonly allocationData: (lengthBytes: number) => Uint8Array;
  /** Private data of a context. Default: none. */
  readonly contextData: Uint8Array;
  /** Private data of a submission that does nothing. Default: none. */
  readonly submissionData: Uint8Array;
}

export const DEFAULT_PROFILE: HostProfile = {
  allocationData: (lengthBytes) => longs([BigInt(lengthBytes)]),
  contextData: new Uint8Array(0),
  submissionData: new Uint8Array(0),
};

export const SyncType = { mutex: 1, semaphore: 2, fence: 3, notification: 4, monitored: 5 } as const;
export const SyncFlag = {
  shared: 3,
  noSignal: 0x10,
  noWait: 0x20,
  /** no_signal_max_value_on_tdr. */
  keepsValue: 0x40,
  noGpuAccess: 0x80,
} as const;
export const SignalFlag = { cpuEvent: 2, rewind: 4 } as const;
const CONTEXT_HW_QUEUES = 0x10;

export interface Fence {
  readonly handle: number;
  readonly address: bigint;
  readonly global: number;
  readonly reply: Reply;
}

/** One guest process on a link, and shorthand for its objects. */
export class Scene {
  readonly guest: WireGuest;
  readonly profile: HostProfile;
  process = 0;
  #nextCookie = 0xc0de_0000_0001n;

  constructor(guest: WireGuest, profile: HostProfile) {
    this.guest = guest;
    this.profile = profile;
  }

  static async start(guest: WireGuest, profile: HostProfile): Promise<Scene> {
    const scene = new Scene(guest, profile);
    const label = { process: 0xfeedn, process_id: 4242n, process_name: units('conformance'), flags: 8 };
    scene.process = (await guest.call(adapter.createProcess, label)).ok().handle();
    return scene;
  }

  call(
    command: WireCommand,
    fields: Fields = {},
    tail: readonly Uint8Array[] = [],
    options: SendOptions = {},
  ): Promise<Reply> {
    const process = command.process === 'zero' ? 0 : this.process;
    return this.guest.call(command, fields, tail, { process, ...options });
  }

  /** Makes something that a check is built on. */
  #make(command: WireCommand, fields: Fields, tail: readonly Uint8Array[] = []): Promise<Reply> {
    return inSetUp(this.call(command, fields, tail).then((reply) => reply.ok()));
  }

  /** Sends what wants no answer once one-way messages are on; waits for success where they are off. */
  async queue(command: WireCommand, fields: Fields, tail: readonly Uint8Array[] = []): Promise<void> {
    if (this.guest.isAsync) this.guest.post(command, fields, tail, { process: this.process });
    else (await this.call(command, fields, tail)).ok();
  }

  /** A round trip: what the host did before it has arrived. */
  async roundTrip(): Promise<void> {
    await this.call(adapter.isFeatureEnabled, { feature_id: 0 });
  }

  cookie(): bigint {
    this.#nextCookie += 1n;
    return this.#nextCookie;
  }

  async device(cookie = this.cookie()): Promise<number> {
    return (await this.#make(adapter.createDevice, { error_code: cookie })).handle();
  }

  async context(device: number, flags = 0): Promise<number> {
    const data = this.profile.contextData;
    const fields = { device, flags, priv_drv_data_size: data.length };
    return (await this.#make(adapter.createContextVirtual, fields, [data])).handle();
  }

  async hwQueue(
    device: number,
  ): Promise<{ context: number; queue: number; fence: number; address: bigint; reply: Reply }> {
    const context = await this.context(device, CONTEXT_HW_QUEUES);
    const reply = await this.#make(adapter.createHwQueue, { context });
    return {
      context,
      queue: reply.number('hwqueue'),
      fence: reply.number('hwqueue_progress_fence'),
      address: reply.long('hwqueue_progress_fence_cpuva'),
      reply,
    };
  }

  async pagingQueue(
    device: number,
  ): Promise<{ queue: number; fence: number; address: bigint; reply: Reply }> {
    const reply = await this.#make(memory.createPagingQueue, { device });
    const address = reply.long('fence_storage_physical_address');
    return { queue: reply.number('paging_queue'), fence: reply.number('sync_object'), address, reply };
  }

  async fence(device: number, value = 0n, flags = 0): Promise<Fence> {
    const fields = { device, type: SyncType.monitored, flags, value, client_hint: 1 };
    const reply = await this.#make(sync.createSyncObject, fields);
    return {
      handle: reply.number('sync_object'),
      address: reply.long('fence_storage_address'),
      global: reply.number('global_sync_object'),
      reply,
    };
  }

  /** Creates allocations of such sizes. */
  createAllocations(
    device: number,
    sizes: readonly number[],
    fields: Fields = {},
    resourceData: Uint8Array = new Uint8Array(0),
  ): Promise<Reply> {
    const data = sizes.map((size) => (size === 0 ? new Uint8Array(0) : this.profile.allocationData(size)));
    const infos = words(data.flatMap((bytes) => [0, bytes.length, 0]));
    const head = { device, alloc_count: sizes.length, priv_drv_data_size: resourceData.length, ...fields };
    return this.call(memory.createAllocation, head, [infos, resourceData, ...data]);
  }

  async allocation(device: number, lengthBytes = 4096): Promise<number> {
    const made = this.createAllocations(device, [lengthBytes]).then((reply) => reply.ok());
    return (await inSetUp(made)).number('allocation');
  }

  signal(device: number, objects: readonly number[], values: readonly bigint[], flags = 0): Promise<Reply> {
    const fields = { object_count: objects.length, device, flags };
    return this.call(sync.signalSyncObject, fields, [words(objects), longs(values)]);
  }

  /** Queues a signal on contexts or hardware queues. */
  signalFromGpu(
    queues: readonly number[],
    objects: readonly number[],
    values: readonly bigint[],
  ): Promise<void> {
    const fields = { object_count: objects.length, context_count: queues.length };
    return this.queue(sync.signalSyncObject, fields, [words(objects), words(queues), longs(values)]);
  }

  /** Queues a wait on a context or hardware queue. */
  waitFromGpu(context: number, objects: readonly number[], values: readonly bigint[]): Promise<void> {
    const fields = { context, object_count: objects.length };
    return this.queue(sync.waitForSyncObjectFromGpu, fields, [longs(values), words(objects)]);
  }

  /** Registers a CPU wait. */
  wait(
    device: number,
    event: bigint,
    objects: readonly number[],
    values: readonly bigint[],
    flags = 0,
  ): Promise<Reply> {
    const fields = { device, object_count: objects.length, flags, guest_event_pointer: event };
    return this.call(sync.waitForSyncObjectFromCpu, fields, [words(objects), longs(values)]);
  }

  /** Waits until a fence has reached a value, through a CPU wait. */
  async untilFence(device: number, fence: number, value: bigint, why: string): Promise<void> {
    const event = this.guest.event();
    (await this.wait(device, event, [fence], [value])).ok();
    await this.guest.untilEvent(event, why);
  }

  /** A paging operation that answered PENDING ends with its fence value. */
  async untilPaged(device: number, fence: number, reply: Reply): Promise<void> {
    const value = reply.long('paging_fence_value');
    if (reply.status !== 0)
      await this.untilFence(device, fence, value, 'the paging fence reaches the value given');
  }

  async end(): Promise<void> {
    if (this.process === 0 || !this.guest.isOpen) return;
    const { process } = this;
    this.process = 0;
    const ended = this.guest.call(adapter.destroyProcess, {}, [], { process });
    await inSetUp(ended.then((reply) => reply.ok()));
  }
}
