import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandDef, commands, minimumReplyBytes } from '@dxgwire/protocol';
import { PACKET_FLAG_COMPLETION_REQUESTED } from '@dxgwire/transport';
import { createHost } from './host.ts';
import { createLog } from './pino-log.ts';
import { FakeBackend } from './testing/fake-backend.ts';
import {
  createAllocation,
  createContext,
  createDevice,
  createFence,
  createHwQueue,
  createPagingQueue,
} from './testing/objects.ts';
import { RawGuest } from './testing/raw-guest.ts';

/** Messages of one run; more with DXGWIRE_FUZZ_MESSAGES, other ones with DXGWIRE_FUZZ_SEED. */
const MESSAGES = Number(process.env['DXGWIRE_FUZZ_MESSAGES'] ?? 12_000);
const SEED = Number(process.env['DXGWIRE_FUZZ_SEED'] ?? 20_260_101);
const MESSAGES_PER_GUEST = 400;
/** Enough for 33 elements of 64 bytes. */
const TAIL_BYTES = 2112;

const sent = (Object.values(commands) as CommandDef[]).filter((def) => def.sent && def.channel !== 'host');
/** These end most of what the others work on; they come less often. */
const destructive = new Set([
  'DestroyProcess',
  'DestroyDevice',
  'CloseAdapter',
  'SetIoSpaceRegion',
  'MarkDeviceAsError',
]);
const boundaries = [
  0, 0, 0, 1, 1, 2, 3, 4, 5, 8, 16, 31, 32, 33, 64, 65, 4095, 4096, 8192, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_ffff,
];

/** Where counts of tails are, from the command's start: mostly small ones, or every message would be malformed. */
function countOffsets(nodes: readonly MessageNode[], base = 0): number[] {
  return nodes.flatMap((node) => {
    if (node.node === 'count') return [base + node.offset];
    return node.node === 'field' && node.type.kind === 'struct'
      ? countOffsets(node.type.nodes, base + node.offset)
      : [];
  });
}
type MessageNode = NonNullable<CommandDef['request']>['message']['struct']['nodes'][number];

/** Mulberry32: small, seeded, good enough to pick bytes. */
function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Objects of the process to name in messages, and some numbers that are none of it. */
async function fillProcess(guest: RawGuest): Promise<number[]> {
  const handles: number[] = [guest.process];
  for (let i = 0; i < 2; i += 1) {
    const device = await createDevice(guest);
    const { context, hwqueue, fence } = await createHwQueue(guest, device);
    const shared = await createFence(guest, device, 0n, 3);
    const paging = await createPagingQueue(guest, device);
    const made = await guest.call(commands.createAllocation, { device, allocInfo: [{}, {}], flags: 0x43 });
    const { sharedHandle } = await guest.call(commands.createNtSharedObject, { object: made.resource });
    handles.push(
      device,
      device,
      device,
      context,
      hwqueue,
      fence,
      shared.handle,
      shared.globalHandle,
      sharedHandle,
    );
    handles.push(paging.pagingQueue, paging.fence, made.resource, made.allocationInfo[0]!.allocation);
    handles.push(await createContext(guest, device), await createAllocation(guest, device, 8192));
    handles.push(await createAllocation(guest, device, 4096, { flags: 0x20 }));
  }
  for (const gpu of guest.gpus) handles.push(gpu.adapterHandle);
  return handles;
}

test(`hostile messages built from live handles and boundary values (seed ${SEED})`, async () => {
  const random = createRandom(SEED);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const errors: string[] = [];
  const log = createLog({ level: 'error', destination: { write: (line) => errors.push(line) } });
  const backend = new FakeBackend(2);
  const host = createHost({ backend, log });
  const bystander = await RawGuest.start({ host, backend });
  await fillProcess(bystander);
  const before = bystander.partition.census();
  const bystanderLeft = backend.left;
  let answers = 0;
  for (let count = 0; count < MESSAGES; ) {
    const guest = await RawGuest.start({
      guestMemoryBytes: 4 << 20,
      windowMegabytes: 1,
      host,
      backend,
      asyncMessages: random(2) === 0,
      mapGuestMemory: random(2) === 0,
    });
    const handles = await fillProcess(guest);
    for (let i = 0; i < MESSAGES_PER_GUEST && guest.closedBy === undefined; i += 1, count += 1) {
      let def = pick(sent);
      if (destructive.has(def.name) && random(20) !== 0) def = pick(sent);
      const wantsAnswer = random(8) !== 0;
      const mangle = (view: DataView): number => {
        const { fixedBytes, headerBytes, struct } = def.request!.message;
        const counts = countOffsets(struct.nodes).map((offset) => offset - headerBytes);
        const fixed = fixedBytes - headerBytes;
        // Mostly whole messages with room for many elements, sometimes cut short.
        const length = random(400) === 0 ? random(fixed + 8) : fixed + TAIL_BYTES;
        for (let offset = 0; offset < length; offset += 4) {
          const kind = random(10);
          let word = kind < 4 ? pick(handles) : kind < 9 ? pick(boundaries) : random(0xffff_ffff);
          if (counts.includes(offset) && random(100) !== 0) word = random(34);
          view.setUint32(40 + offset, word, true);
        }
        if (random(30) === 0) view.setUint32(24, pick(handles), true);
        return 40 + length;
      };
      const options = { gpu: random(2), flags: wantsAnswer ? PACKET_FLAG_COMPLETION_REQUESTED : 0, mangle };
      let payload: Uint8Array | null = null;
      const take = (answer: Uint8Array): void => {
        payload = answer;
      };
      guest.send(def, {}, options).then(take, () => {});
      // Some are answered only when work has ended that a hostile guest may hold for ever.
      for (let turn = 0; turn < 3 && payload === null && guest.closedBy === undefined; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (!wantsAnswer || payload === null) continue;
      answers += 1;
      const { length } = payload as Uint8Array;
      assert.equal(length % 8, 0);
      const isFixed = def.replyLength === null && def.failure === 'status' && def.replyVariants.length === 0;
      if (isFixed) assert.ok(length >= minimumReplyBytes(def, guest.version, {}), def.name);
    }
    if (guest.closedBy === undefined) await guest.bus.close();
    await guest.partition.ended;
    assert.equal(backend.left, bystanderLeft, `after ${count} messages`);
  }
  assert.ok(answers > MESSAGES / 4, `${answers} answers`);
  assert.deepEqual(bystander.partition.census(), before);
  assert.equal(bystander.events.length, 0);
  assert.deepEqual(errors, []);
  assert.equal(host.partitions.size, 1);
  await bystander.close();
  assert.equal(backend.left, 0);
});
