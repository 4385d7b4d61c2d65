import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isTransportError, TransportError } from '../errors.ts';
import { PacketKind } from '../transport.ts';
import {
  awaitOffers,
  Collector,
  closeOf,
  inTime,
  rejectsWith,
  type Subject,
  type TransportFixture,
  throwsWith,
  withSubject,
} from './harness.ts';

const { inBand } = PacketKind;

/** Every way in which a channel or a bus can end. */
export function closingTests(fixture: TransportFixture): void {
  it('delivers what was sent before the guest closed a channel, and opens it again', () =>
    withSubject(fixture, async (subject) => {
      const { channel, guest } = subject;
      const closes: (Error | null)[] = [];
      channel.onClose = (error) => closes.push(error);
      for (let i = 0; i < 2000; i += 1) channel.send(inBand, i, 0, 0, new Uint8Array(200), 0, 200);
      await channel.close();
      assert.deepEqual(closes, [null]);
      assert.equal(channel.isOpen, false);
      throwsWith(() => channel.send(inBand, 0, 0, 0, new Uint8Array(0), 0, 0), 'closed');
      await channel.close();
      const again = await openWhenFree(() => guest.open(2));
      const { count } = (await subject.ask({ op: 'digest' })) as { count: number };
      assert.equal(count, 2000);
      await subject.ask({ op: 'mode', mode: 'echo' });
      const collector = new Collector(again, true);
      again.send(inBand, 5, 0, 0, new Uint8Array(8), 0, 8);
      await collector.until(1);
      assert.deepEqual(collector.ids, [5n]);
      await guest.close();
      const report = await subject.report;
      assert.deepEqual(report.opens, [1, 2, 2]);
      assert.deepEqual(report.channelCloses[0], { channel: 2, code: null });
      assert.deepEqual(closes, [null]);
    }));

  it('delivers what the host sent before it closed a channel', () =>
    withSubject(fixture, async (subject) => {
      const collector = new Collector(subject.channel, false);
      const closed = closeOf(subject.channel);
      subject.post({ op: 'close-channel', channel: 2, packets: 1000 });
      assert.equal(await closed, null);
      assert.equal(collector.digest.count, 1000);
      assert.equal(subject.channel.isOpen, false);
    }));

  it('tells the host why the guest aborted a channel', () =>
    withSubject(fixture, async (subject) => {
      const error = new TransportError('limit', 'enough of this');
      const closed = closeOf(subject.channel);
      subject.channel.abort(error);
      assert.equal(await closed, error);
      subject.channel.abort(new Error('again'));
      await subject.ask({ op: 'digest' });
      await subject.guest.close();
      const { channelCloses } = await subject.report;
      assert.deepEqual(
        channelCloses.filter(({ channel }) => channel === 2),
        [{ channel: 2, code: 'limit' }],
      );
    }));

  it('tells the guest why the host aborted a channel', () =>
    withSubject(fixture, async (subject) => {
      const closed = closeOf(subject.channel);
      subject.post({ op: 'abort-channel', channel: 2 });
      const error = await closed;
      assert.ok(isTransportError(error) && error.code === 'limit');
      assert.match(error.message, /the test aborts this channel/);
      // The rest of the bus goes on.
      assert.deepEqual(await subject.ask({ op: 'pci-writes' }), []);
    }));

  it('closes in order from the guest: each end hears it once', () =>
    withSubject(fixture, async (subject) => {
      const { guest, channel, control } = subject;
      const heard: string[] = [];
      channel.onClose = (error) => heard.push(`channel ${error}`);
      control.onClose = (error) => heard.push(`control ${error}`);
      guest.onClose = (error) => heard.push(`bus ${error}`);
      for (let i = 0; i < 100; i += 1) channel.send(inBand, i, 0, 0, new Uint8Array(64), 0, 64);
      await Promise.all([guest.close(), guest.close()]);
      assert.deepEqual(heard.sort(), ['bus null', 'channel null', 'control null']);
      const report = await subject.report;
      assert.equal(report.packets, 100);
      assert.deepEqual(report.busCloses, [null]);
      assert.deepEqual(
        report.channelCloses.map(({ code }) => code),
        [null, null],
      );
      await rejectsWith(guest.open(1), 'closed');
      await rejectsWith(guest.createGpadl([]), 'closed');
      throwsWith(() => channel.send(inBand, 0, 0, 0, new Uint8Array(0), 0, 0), 'closed');
      await guest.close();
      guest.abort(new Error('too late'));
      assert.equal(heard.length, 3);
    }));

  it('closes in order from the host: each end hears it once', () =>
    withSubject(fixture, async (subject) => {
      const heard: string[] = [];
      subject.channel.onClose = (error) => heard.push(`channel ${error}`);
      const closed = new Promise<void>((resolve) => {
        subject.guest.onClose = (error) => {
          heard.push(`bus ${error}`);
          resolve();
        };
      });
      subject.post({ op: 'close-bus' });
      await closed;
      assert.deepEqual(heard.sort(), ['bus null', 'channel null']);
      assert.deepEqual((await subject.report).busCloses, [null]);
    }));

  it('aborts from the guest: everything pending settles once, the host hears why', () =>
    withSubject(fixture, async (subject) => {
      const { guest } = subject;
      await subject.ask({ op: 'hold-teardown' });
      const block = guest.memory.allocate(4096);
      const id = await guest.createGpadl([block]);
      const pending = [
        settled(guest.teardownGpadl(id)),
        settled(guest.createGpadl([block])),
        settled(subject.ask({ op: 'digest' })),
      ];
      const ends = endsOf(subject);
      const error = new TransportError('time-out', 'the test has waited long enough');
      guest.abort(error);
      for (const outcome of await Promise.all(pending)) assert.ok(isTransportError(outcome));
      assert.deepEqual((await subject.report).busCloses, ['time-out']);
      await guest.close();
      assert.deepEqual([ends.bus, ends.channel], [[error], [error]]);
      assert.equal(subject.channel.isOpen, false);
    }));

  it('aborts from the host: everything pending settles once, the guest hears why', () =>
    withSubject(fixture, async (subject) => {
      const { guest } = subject;
      await subject.ask({ op: 'hold-teardown' });
      const block = guest.memory.allocate(4096);
      const id = await guest.createGpadl([block]);
      const ends = endsOf(subject);
      const pending = [settled(guest.teardownGpadl(id)), settled(subject.ask({ op: 'abort-bus' }))];
      const outcomes = await Promise.all(pending);
      await ends.over;
      const [error] = ends.bus;
      assert.ok(isTransportError(error) && error.code === 'limit');
      assert.match(error.message, /the test aborts this bus/);
      for (const outcome of outcomes) assert.ok(isTransportError(outcome));
      const report = await subject.report;
      assert.deepEqual(report.busCloses, ['limit']);
      assert.equal(report.channelCloses.length, 2);
      await guest.close();
      assert.deepEqual([ends.bus, ends.channel], [[error], [error]]);
      assert.equal(subject.channel.isOpen, false);
    }));

  it('tells of an end also whoever asks afterwards', () =>
    withSubject(fixture, async ({ channel, guest }) => {
      await channel.close();
      assert.equal(await closeOf(channel), null);
      await guest.close();
      assert.equal(await closeOf(guest), null);
    }));

  it('settles an open that is under way when the bus is aborted', async () => {
    const { guest, report, dispose } = await fixture.open();
    try {
      await inTime(fixture, async () => {
        await awaitOffers(guest);
        const outcomes = [settled(guest.open(1)), settled(guest.open(2))];
        guest.abort(new TransportError('limit', 'changed my mind'));
        for (const outcome of await Promise.all(outcomes)) assert.ok(isTransportError(outcome));
        assert.deepEqual((await report).busCloses, ['limit']);
        await guest.close();
      });
    } finally {
      await dispose();
    }
  });
}

/** What bus and channel say of their ends, as often as they do; `over` resolves when the bus does first. */
function endsOf({ guest, channel }: Subject) {
  const bus: (Error | null)[] = [];
  const ofChannel: (Error | null)[] = [];
  channel.onClose = (error) => ofChannel.push(error);
  const over = new Promise<void>((resolve) => {
    guest.onClose = (error) => {
      bus.push(error);
      resolve();
    };
  });
  return { bus, channel: ofChannel, over };
}

async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return null;
  } catch (error) {
    return error;
  }
}

/** A channel can be opened again when the host has acknowledged the close. */
async function openWhenFree<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(isTransportError(error) && error.code === 'out-of-range')) throw error;
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
}
