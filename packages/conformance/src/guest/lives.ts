import { roundUp8 } from '../wire/layout.ts';
import { type GuestObject, type GuestObjects, longOf, wordOf } from './objects.ts';
import type { WholeMessage } from './rule.ts';

/** How objects come and go: by what a guest asks for, and what its host answers. */

const ALLOCATION_HEAD_BYTES = 16;
const ALLOCATION_BYTES = 72;
const MOST_ALLOCATIONS = 1024;
const CREATE_RESOURCE = 1;
const EXISTING_MEMORY = 0x20;
export const CREATE_SHARED = 2;
export const ALLOW_REWIND = 4;
const FENCE_TYPE = 3;
const FIRST_MONITORED_TYPE = 5;

/** Ends that are asked for by the handle at 24. */
const ENDS: ReadonlySet<string> = new Set([
  'DestroyDevice',
  'DestroyContext',
  'DestroyHwQueue',
  'DestroyPagingQueue',
  'DestroySyncObject',
]);

function* endedBy(objects: GuestObjects, message: WholeMessage, gpu: bigint): Iterable<GuestObject> {
  const { name } = message.command;
  const { process } = message;
  let object: GuestObject | undefined;
  if (ENDS.has(name)) {
    object = objects.get(process, wordOf(message, 24));
    if (object !== undefined) yield object;
  } else if (name === 'CloseAdapter') {
    for (const each of objects.all()) if (each.gpu === gpu) yield each;
  } else if (name === 'DestroyAllocation') {
    object = objects.get(process, wordOf(message, 28));
    if (object !== undefined) yield object;
    const count = Math.min(wordOf(message, 32), MOST_ALLOCATIONS);
    for (let offset = 40; offset < 40 + 4 * count; offset += 4) {
      if (message.at + offset + 4 > message.view.byteLength) break;
      object = objects.get(process, wordOf(message, offset));
      if (object !== undefined) yield object;
    }
  }
}

/** The values that a CPU gives to fences, each with its object. */
export function* signalsIn(message: WholeMessage): Iterable<readonly [handle: number, value: bigint]> {
  const [count, contexts] = [wordOf(message, 24), wordOf(message, 32)];
  if (contexts !== 0) return;
  const values = 56 + 4 * count;
  const end = message.view.byteLength - message.at;
  for (let index = 0; index < count && values + 8 * index + 8 <= end; index += 1)
    yield [wordOf(message, 56 + 4 * index), longOf(message, values + 8 * index)];
}

/** A message has been sent, and the rules have looked at it. */
export function noteSent(objects: GuestObjects, message: WholeMessage, gpu: bigint): void {
  for (const object of endedBy(objects, message, gpu)) objects.asked(object, message);
  const { name } = message.command;
  if (name === 'Unlock2') {
    const object = objects.get(message.process, wordOf(message, 28));
    if (object !== undefined) object.isLocked = false;
  } else if (name === 'FlushDevice') {
    const object = objects.get(message.process, wordOf(message, 24));
    if (object !== undefined) object.isFlushed = true;
  } else if (name === 'DestroyNtSharedObject') objects.endNt(wordOf(message, 24));
  else if (name === 'SignalSyncObject' && !message.wantsAnswer) noteSignals(objects, message);
}

function noteSignals(objects: GuestObjects, message: WholeMessage): void {
  for (const [handle, value] of signalsIn(message)) {
    const object = objects.get(message.process, handle);
    if (object !== undefined) object.value = value;
  }
}

/** An answer of a host, read as far as it goes. */
export interface Reply {
  readonly isSuccess: boolean;
  readonly lengthBytes: number;
  word(offset: number): number;
  long(offset: number): bigint;
}

export function readReply({ command, view: request, at }: WholeMessage, bytes: Uint8Array): Reply {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (offset: number): number => (bytes.length >= offset + 4 ? view.getUint32(offset, true) : 0);
  const { statusOffset } = command;
  // The guest sees a length rounded up.
  const isWhole = roundUp8(bytes.length) >= command.demand(request, at);
  const isRefused = statusOffset !== null && (word(statusOffset) & 0x8000_0000) !== 0;
  return {
    isSuccess: isWhole && !isRefused,
    lengthBytes: bytes.length,
    word,
    long: (offset) => (bytes.length >= offset + 8 ? view.getBigUint64(offset, true) : 0n),
  };
}

/** A message has been answered. */
export function noteAnswer(objects: GuestObjects, message: WholeMessage, reply: Reply, gpu: bigint): void {
  const { process } = message;
  for (const object of endedBy(objects, message, gpu))
    if (object.ending === message) objects.answered(object, message, reply.isSuccess);
  if (message.command.name === 'DestroyProcess') objects.endProcess(process);
  if (!reply.isSuccess) return;
  MAKERS[message.command.name]?.(objects, message, reply, gpu);
}

type Maker = (objects: GuestObjects, message: WholeMessage, reply: Reply, gpu: bigint) => void;

const MAKERS: Readonly<Record<string, Maker>> = {
  CreateDevice(objects, { process }, reply, gpu) {
    objects.add({ kind: 'device', handle: reply.word(0), process, gpu, parent: null });
  },
  CreateContextVirtual(objects, message, reply, gpu) {
    const { process } = message;
    const parent = objects.get(process, wordOf(message, 28)) ?? null;
    const flags = wordOf(message, 40);
    objects.add({ kind: 'context', handle: reply.word(24), process, gpu, parent, flags });
  },
  CreateHwQueue(objects, message, reply, gpu) {
    const { process } = message;
    const parent = objects.get(process, wordOf(message, 56)) ?? null;
    const queue = objects.add({ kind: 'hardware queue', handle: reply.word(28), process, gpu, parent });
    objects.add({ kind: 'fence', handle: reply.word(32), process, gpu, parent: queue });
  },
  CreatePagingQueue(objects, message, reply, gpu) {
    const { process } = message;
    const parent = objects.get(process, wordOf(message, 24)) ?? null;
    const queue = objects.add({ kind: 'paging queue', handle: reply.word(0), process, gpu, parent });
    objects.add({ kind: 'fence', handle: reply.word(4), process, gpu, parent: queue });
  },
  CreateAllocation(objects, message, reply, gpu) {
    const { process } = message;
    const flags = wordOf(message, 44);
    const device = objects.get(process, wordOf(message, 24)) ?? null;
    const resource =
      (flags & CREATE_RESOURCE) !== 0
        ? objects.add({ kind: 'resource', handle: reply.word(4), process, gpu, parent: device, flags })
        : (objects.get(process, wordOf(message, 28)) ?? null);
    const count = Math.min(wordOf(message, 40), MOST_ALLOCATIONS);
    for (let index = 0; index < count; index += 1) {
      const offset = ALLOCATION_HEAD_BYTES + ALLOCATION_BYTES * index;
      objects.add({
        kind: 'allocation',
        handle: reply.word(offset),
        process,
        gpu,
        parent: resource ?? device,
        flags,
        sizeBytes: reply.long(offset + 16),
        isOfGuestMemory: (flags & EXISTING_MEMORY) !== 0,
      });
    }
    if (resource !== null) resource.allocationCount += count;
  },
  OpenResource(objects, message, reply, gpu) {
    const { process } = message;
    const allocationCount = wordOf(message, 36);
    const parent = objects.get(process, wordOf(message, 24)) ?? null;
    const flags = CREATE_SHARED;
    const handle = reply.word(0);
    const isSealed = true;
    const resource = objects.add({
      kind: 'resource',
      handle,
      process,
      gpu,
      parent,
      flags,
      allocationCount,
      isSealed,
    });
    for (let index = 0; index < Math.min(allocationCount, reply.lengthBytes / 4 - 2); index += 1) {
      const member = reply.word(8 + 4 * index);
      objects.add({ kind: 'allocation', handle: member, process, gpu, parent: resource, flags });
    }
  },
  CreateSyncObject(objects, message, reply, gpu) {
    const { process } = message;
    const [type, flags] = [wordOf(message, 32), wordOf(message, 36)];
    const device = objects.get(process, wordOf(message, 24)) ?? null;
    objects.add({
      kind: 'sync object',
      handle: reply.word(0),
      process,
      gpu,
      // Other types outlive the device that they were made with.
      parent: type >= FIRST_MONITORED_TYPE ? device : null,
      flags,
      type,
      globalHandle: reply.word(4),
      value: type === FENCE_TYPE || type === FIRST_MONITORED_TYPE ? longOf(message, 40) : 0n,
    });
  },
  OpenSyncObject(objects, message, reply) {
    const { process } = message;
    const globalHandle = wordOf(message, 28);
    const device = objects.get(process, wordOf(message, 24)) ?? null;
    const type = objects.ofGlobal(globalHandle)?.type ?? FIRST_MONITORED_TYPE;
    objects.add({
      kind: 'sync object',
      handle: reply.word(0),
      process,
      gpu: device?.gpu ?? 0n,
      parent: type >= FIRST_MONITORED_TYPE ? device : null,
      flags: wordOf(message, 36),
      type,
      globalHandle,
    });
  },
  CreateNtSharedObject(objects, message, reply) {
    const object = objects.get(message.process, wordOf(message, 24));
    if (object === undefined) return;
    objects.addNt(reply.word(0), object);
    object.isSealed = true;
  },
  SetExistingSysMemStore(objects, message) {
    const object = objects.get(message.process, wordOf(message, 28));
    if (object !== undefined) object.memoryNamed = true;
  },
  SetExistingSysMemPages(objects, message) {
    const object = objects.get(message.process, wordOf(message, 28));
    const pages = BigInt(wordOf(message, 32)) + BigInt(wordOf(message, 36));
    if (object !== undefined && pages * 4096n >= object.sizeBytes) object.memoryNamed = true;
  },
  Lock2(objects, message) {
    const object = objects.get(message.process, wordOf(message, 28));
    if (object !== undefined) object.isLocked = true;
  },
  SignalSyncObject: noteSignals,
};
