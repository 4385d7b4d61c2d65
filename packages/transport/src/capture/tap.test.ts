import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTransportError } from '../errors.ts';
import { createInProcessBus } from '../mock-vmbus/in-process.ts';
import { Codec, type GuestBus, type HostBus } from '../transport.ts';
import { CaptureReader } from './reader.ts';
import { CaptureRecorder } from './recorder.ts';
import type { CaptureRecord } from './records.ts';
import { tapGuestBus } from './tap-guest.ts';
import { tapHostBus } from './tap-host.ts';

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };

/** A recorder, and what it has recorded once it is closed. */
function capture() {
  const reader = new CaptureReader();
  const records: CaptureRecord[] = [];
  const recorder = new CaptureRecorder({
    write: async (chunk) => {
      records.push(...reader.push(chunk));
    },
    close: async () => {},
  });
  const finished = async () => {
    await recorder.close();
    return records.map(({ timeUs: _, ...rest }) => rest);
  };
  return { recorder, reader, finished };
}

/** Both ends of a bus in this process, tapped, with one offer that has a PCI function. */
async function tapped() {
  const ends = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
  const onHost = capture();
  const onGuest = capture();
  const host = tapHostBus(ends.host, onHost.recorder);
  const guest = tapGuestBus(ends.guest, onGuest.recorder);
  const found = new Promise<void>((resolve) => {
    guest.onPciFunction = () => resolve();
  });
  const pci = { vendorId: 1, deviceId: 2, config: new Uint8Array(256), onWrite: () => {} };
  host.offer({ ...OFFER, pci });
  host.start();
  await found;
  return { ends, host, guest, onHost, onGuest };
}

const isRefusal = (error: unknown) => isTransportError(error) && error.code === 'out-of-range';

describe('a tap', () => {
  // A negative offset in a record once made the whole capture unreadable; the others were told as if they had happened.
  it('does not record calls that the bus refused', async () => {
    const { guest, host, onGuest, onHost } = await tapped();
    assert.throws(() => guest.pciFunctions[0]?.writeConfig32(-4, 0), isRefusal);
    assert.throws(() => host.rescind(9), isRefusal);
    await assert.rejects(guest.teardownGpadl(77), isRefusal);
    await assert.rejects(guest.teardownGpadl(-1), isRefusal);
    await guest.close();
    for (const { finished } of [onGuest, onHost]) {
      const kinds = (await finished()).map(({ kind }) => kind);
      assert.deepEqual(
        kinds.filter((kind) => kind !== 'offer' && kind !== 'start'),
        ['busClose'],
      );
    }
  });

  it('hands on the same object for a PCI function each time, until its channel is taken away', async () => {
    const { guest, host } = await tapped();
    const [first] = guest.pciFunctions;
    assert.notEqual(first, undefined);
    assert.equal(guest.pciFunctions[0], first);
    const rescinded = new Promise((resolve) => {
      guest.onRescind = resolve;
    });
    host.rescind(1);
    assert.equal(await rescinded, 1);
    assert.deepEqual(guest.pciFunctions, []);
    await guest.close();
  });

  it('records when a link was interrupted and went on, and tells whoever listens', async () => {
    const { ends, guest, host, onGuest, onHost } = await tapped();
    const heard: string[] = [];
    host.onInterruption = (isInterrupted) => heard.push(`host ${isInterrupted}`);
    guest.onInterruption = (isInterrupted) => heard.push(`guest ${isInterrupted}`);
    for (const isInterrupted of [true, false])
      for (const end of [ends.host, ends.guest]) end.onInterruption?.(isInterrupted);
    assert.deepEqual(heard, ['host true', 'guest true', 'host false', 'guest false']);
    await guest.close();
    for (const { finished } of [onGuest, onHost]) {
      assert.deepEqual(
        (await finished()).filter(({ kind }) => kind === 'interruption'),
        [
          { kind: 'interruption', isInterrupted: true },
          { kind: 'interruption', isInterrupted: false },
        ],
      );
    }
  });

  it('records why a bus ended on its own side, and calls onEnd after whoever listens', async () => {
    const order: string[] = [];
    const ends = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
    const onHost = capture();
    const onGuest = capture();
    const host = tapHostBus(ends.host, onHost.recorder, { onEnd: () => order.push('host end') });
    const guest = tapGuestBus(ends.guest, onGuest.recorder, { onEnd: () => order.push('guest end') });
    const gone = new Promise<void>((resolve) => {
      guest.onClose = () => {
        order.push('guest close');
        resolve();
      };
    });
    host.onClose = () => order.push('host close');
    host.start();
    host.abort(new Error('the backend is gone'));
    await gone;
    assert.deepEqual(order, ['host close', 'host end', 'guest close', 'guest end']);
    assert.deepEqual((await onHost.finished()).at(-1), { kind: 'busClose', reason: 'the backend is gone' });
    const last = (await onGuest.finished()).at(-1);
    assert.match(last?.kind === 'busClose' ? String(last.reason) : '', /the backend is gone/);
  });

  it('shows what the inner bus shows, and its handlers as they were set', async () => {
    const { ends, guest, host } = await tapped();
    const handler = () => {};
    host.onChannelOpen = host.onClose = host.onInterruption = host.onGpadlTeardown = handler;
    for (const value of [host.onChannelOpen, host.onClose, host.onInterruption, host.onGpadlTeardown])
      assert.equal(value, handler);
    assert.deepEqual(
      [host.transport, host.peerName, host.codec, host.window.kind, host.window.lengthBytes],
      [ends.host.transport, ends.host.peerName, Codec.packed, ends.host.window.kind, 1 << 20],
    );
    assert.deepEqual(
      [guest.transport, guest.codec, guest.offers, guest.memory.kind, guest.window.lengthBytes],
      [ends.guest.transport, Codec.packed, ends.guest.offers, ends.guest.memory.kind, 1 << 20],
    );
    // Memory of this process is no file.
    assert.equal(host.window.shareable(), ends.host.window.shareable());
    assert.ok((await guest.open(1)).isOpen);
    await guest.close();
  });

  it('takes the codec that it is told, and one bus only', async () => {
    const headers: (string | undefined)[] = [];
    for (const codec of [undefined, 'pairs']) {
      const { recorder, reader, finished } = capture();
      const ends = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
      const tap = (bus: HostBus): HostBus => tapHostBus(bus, recorder, codec === undefined ? {} : { codec });
      const host = tap(ends.host);
      assert.throws(() => tap(ends.host), /takes one bus/);
      await host.close();
      await finished();
      headers.push(reader.header?.codec);
    }
    assert.deepEqual(headers, ['dxgkrnl', 'pairs']);
  });

  it('keeps a process alive, or not, as the guest says', () => {
    const calls: string[] = [];
    const { guest: inner } = createInProcessBus({ guestMemoryBytes: 1 << 20, windowMegabytes: 1 });
    const guest: GuestBus = tapGuestBus(
      Object.assign(inner, { ref: () => calls.push('ref'), unref: () => calls.push('unref') }),
      capture().recorder,
    );
    guest.unref?.();
    guest.ref?.();
    assert.deepEqual(calls, ['unref', 'ref']);
    guest.abort(new Error('enough'));
  });
});
