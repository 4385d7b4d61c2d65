import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandDef, commands, isProtocolError, NtStatus } from '@dxgwire/protocol';
import { PACKET_FLAG_COMPLETION_REQUESTED, PacketKind, TransportError } from '@dxgwire/transport';
import fc from 'fast-check';
import type { AnyCommand } from './handler.ts';
import { createHost } from './host.ts';
import { createLog } from './pino-log.ts';
import { FakeBackend } from './testing/fake-backend.ts';
import { RawGuest, type RawGuestOptions } from './testing/raw-guest.ts';

/** Command type in the header behind the extended header. */
const COMMAND_TYPE_OFFSET = 32;
const CHANNEL_OFFSET = 28;

function statusOf(payload: Uint8Array): number {
  assert.equal(payload.length, 8);
  return new DataView(payload.buffer).getUint32(0, true);
}

const neverSent = (Object.values(commands) as CommandDef[]).filter(
  (def) => !def.sent && def.channel !== 'host',
);

test('unknown and never-sent commands get a 4-byte NOT_SUPPORTED, or nothing where no answer is wanted', async () => {
  const guest = await RawGuest.start();
  const ask = (channelType: number, id: number, flags?: number) =>
    guest.send(
      commands.flushHeapTransitions,
      {},
      {
        ...(flags === undefined ? {} : { flags }),
        mangle: (view, length) => {
          view.setUint32(CHANNEL_OFFSET, channelType, true);
          view.setUint32(COMMAND_TYPE_OFFSET, id, true);
          return length;
        },
      },
    );
  assert.ok(neverSent.length >= 20);
  for (const def of neverSent) {
    assert.equal(
      statusOf(await ask(def.channel === 'global' ? 1 : 0, def.id)),
      NtStatus.notSupported,
      def.name,
    );
  }
  for (const id of [63, 69, 999, 1000, 0xffff_ffff])
    assert.equal(statusOf(await ask(0, id)), NtStatus.notSupported);
  for (const id of [0, 999, 1012, 1020, 1023, 0xffff_ffff]) {
    assert.equal(statusOf(await ask(1, id)), NtStatus.notSupported);
  }
  assert.equal(statusOf(await ask(2, 0)), NtStatus.notSupported);
  let isAnswered = false;
  ask(0, 63, 0).then(() => {
    isAnswered = true;
  });
  await guest.call(commands.flushHeapTransitions, {});
  assert.equal(isAnswered, false);
  await guest.close();
});

test('every reply is padded with zeros to a multiple of 8', async () => {
  const guest = await RawGuest.start();
  const payload = await guest.send(commands.createDevice, {});
  assert.equal(payload.length, 8);
  assert.deepEqual(payload.subarray(4), new Uint8Array(4));
  await guest.close();
});

test('a process that does not exist, or belongs to another guest, fails a command in its own way', async () => {
  const host = createHost({ backend: new FakeBackend() });
  const guest = await RawGuest.start({ host });
  const other = await RawGuest.start({ host });
  const foreign = (await other.call(commands.createProcess, {})).hprocess;
  for (const process of [0, 1, 0xffff_ffff, foreign, guest.gpus[0]!.adapterHandle]) {
    assert.equal((await guest.call(commands.createDevice, {}, { process })).device, 0);
    const flushed = await guest.call(commands.flushHeapTransitions, {}, { process });
    assert.equal(flushed.status, NtStatus.invalidParameter);
    assert.equal((await guest.send(commands.evict, {}, { process })).length, 0);
    const destroyed = await guest.call(commands.destroyProcess, {}, { process });
    assert.equal(destroyed.status, NtStatus.invalidParameter);
  }
  assert.equal(host.census()['processes'], 3);
  await guest.close();
});

test('a LUID that names no virtual GPU of this guest fails with INVALID_PARAMETER', async () => {
  const host = createHost({ backend: new FakeBackend() });
  const guest = await RawGuest.start({ host });
  const other = await RawGuest.start({ host });
  const { low, high } = other.gpus[0]!.luid;
  for (const luid of [
    [0, 0],
    [low, high],
    [0xffff_ffff, 0xffff_ffff],
  ] as const) {
    const payload = await guest.send(
      commands.flushHeapTransitions,
      {},
      {
        mangle: (view, length) => {
          view.setUint32(8, luid[0], true);
          view.setUint32(12, luid[1], true);
          return length;
        },
      },
    );
    assert.equal(statusOf(payload), NtStatus.invalidParameter);
  }
  await other.close();
});

/** What a guest may send that ends its link. */
const malformed: [string, (guest: RawGuest) => void][] = [
  ['a message shorter than its headers', (guest) => void guest.sendBytes(1, new Uint8Array(8))],
  ['no bytes at all', (guest) => void guest.sendBytes(1, new Uint8Array(0))],
  ['a command offset behind the end', (guest) => mangled(guest, (view) => view.setUint32(0, 4096, true))],
  [
    'a command offset that is not a multiple of 8',
    (guest) => mangled(guest, (view) => view.setUint32(0, 20, true)),
  ],
  ['a command offset of 2^31', (guest) => mangled(guest, (view) => view.setUint32(0, 0x8000_0000, true))],
  ['a command offset of 0', (guest) => mangled(guest, (view) => view.setUint32(0, 0, true))],
  [
    'a channel type that does not exist',
    (guest) => mangled(guest, (view) => view.setUint8(CHANNEL_OFFSET, 3)),
  ],
  [
    'a count larger than the message',
    (guest) => cut(guest, commands.makeResident, { allocations: [1, 2, 3] }, 8),
  ],
  ['a body one word short', (guest) => cut(guest, commands.createSyncObject, {}, 8)],
  [
    'a completion instead of a request',
    (guest) => void guest.channel(1).send(PacketKind.completion, 1, 0, 0, new Uint8Array(8), 0, 8),
  ],
];

function mangled(guest: RawGuest, change: (view: DataView) => void): void {
  const mangle = (view: DataView, length: number): number => {
    change(view);
    return length;
  };
  guest.send(commands.flushHeapTransitions, {}, { mangle });
}

function cut(guest: RawGuest, def: AnyCommand, body: object, bytes: number): void {
  guest.send(def, body, { mangle: (_view, length) => length - bytes });
}

for (const [what, send] of malformed) {
  test(`malformed: ${what} ends this guest's link, is logged, and leaves others alone`, async () => {
    const lines: { level: number; code?: string; partition?: string; reason?: string }[] = [];
    const log = createLog({ level: 'warn', destination: { write: (line) => lines.push(JSON.parse(line)) } });
    const backend = new FakeBackend();
    const host = createHost({ backend, log });
    const options: RawGuestOptions = { host, backend };
    const guest = await RawGuest.start({ ...options, name: 'broken' });
    const other = await RawGuest.start({ ...options, name: 'other' });
    await other.call(commands.createDevice, {});
    const before = other.partition.census();
    await guest.call(commands.createDevice, {});
    send(guest);
    await guest.untilClosed();
    await guest.partition.ended;
    assert.notEqual(guest.closedBy, null);
    const logged = lines.find((line) => line.partition === 'broken');
    assert.equal(typeof logged?.code, 'string');
    assert.equal(
      lines.some((line) => line.partition === 'other'),
      false,
    );
    assert.deepEqual(other.partition.census(), before);
    assert.notEqual((await other.call(commands.createDevice, {})).device, 0);
    assert.equal(host.partitions.size, 1);
    await other.close();
    assert.equal(backend.left, 0);
  });
}

test('longer messages than needed are fine: trailing bytes are ignored', async () => {
  const guest = await RawGuest.start();
  const mangle = (view: DataView, length: number): number => {
    for (let i = 0; i < 64; i += 1) view.setUint8(length + i, 0xee);
    return length + 64;
  };
  const { device } = await guest.call(commands.createDevice, {}, { mangle });
  assert.notEqual(device, 0);
  await guest.close();
});

test('an extended header of another length is followed, not assumed', async () => {
  const guest = await RawGuest.start();
  const mangle = (view: DataView, length: number): number => {
    const bytes = new Uint8Array(view.buffer);
    bytes.copyWithin(48, 16, length);
    view.setUint32(0, 48, true);
    return length + 32;
  };
  assert.notEqual((await guest.call(commands.createDevice, {}, { mangle })).device, 0);
  await guest.close();
});

test('a reply that would break the ring of the guest is refused by a short one, and nothing is done', async () => {
  const guest = await RawGuest.start();
  const { device } = await guest.call(commands.createDevice, {});
  const before = guest.partition.census();
  const fits = new Uint8Array(131_056 - 72 - 16);
  const allocInfo = (privDrvData: Uint8Array) => ({ device, allocInfo: [{ privDrvData }] });
  const tooLong = await guest.send(commands.openResource, { device, allocationCount: 0xffff_ffff });
  assert.equal(tooLong.length, 0);
  const sizes = { allocType: 4, privDriverDataSize: 0x7fff_ffff, privDriverResourceSize: 0x8000_0000 };
  assert.equal((await guest.send(commands.ddiGetStandardAllocationDriverData, sizes)).length, 0);
  const data = new Uint8Array(131_053);
  assert.equal(
    (await guest.send(commands.queryAdapterInfo, { queryType: 0, privateData: data.subarray(0, 131_000) }))
      .length % 8,
    0,
  );
  assert.deepEqual(guest.partition.census(), before);
  new DataView(fits.buffer).setBigUint64(0, 4096n, true);
  const request = allocInfo(fits.subarray(0, 130_000));
  assert.equal((await guest.send(commands.createAllocation, request)).length, 130_000 + 88);
  await guest.close();
});

test('what the host finds wrong in itself fails the command and nothing else', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'error', destination: { write: (line) => lines.push(line) } });
  const backend = new FakeBackend();
  const host = createHost({ backend, log });
  const guest = await RawGuest.start({ host, backend });
  const { device } = await guest.call(commands.createDevice, {});
  backend.opened[0]!.createContext = () => {
    throw new Error('a defect');
  };
  const payload = await guest.send(commands.createContextVirtual, { device });
  assert.deepEqual(payload.subarray(24, 28), new Uint8Array(4));
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /a defect/);
  assert.equal((await guest.call(commands.flushHeapTransitions, {})).status, 0);
  await guest.close();
});

test('a guest that takes no answers loses its link when too many bytes wait for it', async () => {
  const guest = await RawGuest.start({ quotas: { unsentBytes: 4096 } });
  guest.hostBus.onChannelOpen = null;
  guest.channel(1).onPacket = null;
  const body = { queryType: 65, privateData: new Uint8Array(8192) };
  for (let i = 0; i < 200 && guest.closedBy === undefined; i += 1) {
    guest.send(commands.queryAdapterInfo, body).catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.notEqual(guest.closedBy, undefined);
  await guest.partition.ended;
  await guest.host.close();
});

// It waited for an answer that could never be sent.
test('a guest whose ring is too small for an answer loses its link', async () => {
  const guest = new RawGuest();
  const { onChannelOpen } = guest.hostBus;
  let mostBytes = Number.POSITIVE_INFINITY;
  guest.hostBus.onChannelOpen = (channel) => {
    const send = channel.send.bind(channel);
    channel.send = (...args) => {
      if (args[6] > mostBytes) throw new TransportError('too-large', `${args[6]} bytes can never fit a ring`);
      return send(...args);
    };
    onChannelOpen?.(channel);
  };
  await guest.negotiate();
  await guest.openChannels();
  await guest.openAdapters();
  mostBytes = 256;
  void guest.send(commands.getInternalAdapterInfo, {});
  await guest.until(() => guest.closedBy !== undefined);
  assert.match(String(guest.closedBy), /712 bytes can never fit a ring/);
  await guest.close();
});

test('property: random bytes get an answer or end the link; nothing throws, nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          channelType: fc.constantFrom(0, 1),
          id: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 1000, max: 1023 })),
          body: fc.uint8Array({ minLength: 0, maxLength: 256 }),
          wantsAnswer: fc.boolean(),
        }),
        { minLength: 1, maxLength: 40 },
      ),
      async (messages) => {
        const guest = await RawGuest.start();
        const device = await guest.call(commands.createDevice, {});
        for (const { channelType, id, body, wantsAnswer } of messages) {
          if (guest.closedBy !== undefined) break;
          const flags = wantsAnswer ? PACKET_FLAG_COMPLETION_REQUESTED : 0;
          const mangle = (view: DataView): number => {
            view.setUint32(CHANNEL_OFFSET, channelType, true);
            view.setUint32(COMMAND_TYPE_OFFSET, id, true);
            new Uint8Array(view.buffer).set(body, 40);
            if (body.length >= 4) view.setUint32(40, device.device, true);
            return 40 + body.length;
          };
          guest.send(commands.flushHeapTransitions, {}, { flags, mangle }).catch(() => {});
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (guest.closedBy === undefined) await guest.close();
        await guest.partition.ended;
        assert.equal(guest.backend.left, 0);
        assert.deepEqual(guest.host.census(), { partitions: 0 });
      },
    ),
    { numRuns: 60 },
  );
});

test('protocol errors are what malformed messages end with', async () => {
  const guest = await RawGuest.start();
  const { bus } = guest.partition;
  let reason: Error | null = null;
  const abort = bus.abort.bind(bus);
  bus.abort = (error) => {
    reason = error;
    abort(error);
  };
  guest.sendBytes(1, new Uint8Array(8)).catch(() => {});
  await guest.untilClosed();
  assert.ok(isProtocolError(reason));
  await guest.partition.ended;
});

test('hot commands, whose values are used again, take nothing over from a message before', async () => {
  const host = createHost({ backend: new FakeBackend() });
  const guests = [await RawGuest.start({ host }), await RawGuest.start({ host })];
  for (let round = 0; round < 3; round += 1) {
    for (const [index, guest] of guests.entries()) {
      const adapter = guest.gpus[0]!.adapterHandle;
      const info = (memorySegmentGroup: number) =>
        guest.call(commands.queryVideoMemoryInfo, { adapter, memorySegmentGroup });
      const { currentReservation, availableForReservation } = await info(0);
      assert.equal(currentReservation, BigInt(round * (index + 1) * 4096));
      // A failure has no bytes of the answer before; the next answer none of the failure.
      const refused = await guest.send(commands.queryVideoMemoryInfo, { adapter, memorySegmentGroup: 2 });
      assert.equal(refused.length, 0);
      const reservation = BigInt((round + 1) * (index + 1) * 4096);
      const args = { memorySegmentGroup: 0, reservation };
      const changed = await guest.call(commands.changeVideoMemoryReservation, { args });
      assert.equal(changed.status, NtStatus.success);
      // Two requests before either answer is looked at.
      const [local, other] = await Promise.all([info(0), info(1)]);
      assert.equal(local.currentReservation, reservation);
      assert.equal(local.availableForReservation, availableForReservation);
      assert.equal(other.currentReservation, 0n);
    }
  }
  for (const guest of guests) await guest.close();
  await host.close();
});
