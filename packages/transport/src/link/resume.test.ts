import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOfSeed, isOfSeed, Random } from '../compliance/data.ts';
import { isTransportError, TransportError } from '../errors.ts';
import { type Channel, type GuestBus, type HostBus, PacketKind } from '../transport.ts';
import { GuestLink } from './guest-link.ts';
import { HostLink } from './host-link.ts';
import type { LinkEnd, LinkMedium } from './medium.ts';
import { VirtualClock } from './virtual-link.ts';

const GUID = new Uint8Array(16);
const SLOT_BYTES = 64 * 1024;
const LEASE_MS = 30_000;

/** One side of a connection that a test can cut between any two bytes. */
class CuttableMedium implements LinkMedium {
  other: CuttableMedium | null = null;
  session: LinkEnd | null = null;
  #early: Uint8Array[] = [];
  /** Bytes that still get through, in this direction. */
  #left: number;
  readonly #clock: VirtualClock;
  readonly #onCut: () => void;
  readonly #random: Random;
  isCut = false;

  constructor(clock: VirtualClock, random: Random, left: number, onCut: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#left = left;
    this.#onCut = onCut;
  }

  attach(session: LinkEnd): void {
    this.session = session;
    for (const bytes of this.#early.splice(0)) session.receive(bytes);
    if (this.isCut) session.mediumEnded(null);
    else this.wake();
  }

  receive(bytes: Uint8Array): void {
    if (this.session === null) this.#early.push(bytes);
    else this.session.receive(bytes);
  }

  wake(): void {
    for (;;) {
      if (this.isCut) return;
      const chunk = this.session?.takeOutput() ?? null;
      if (chunk === null) return;
      const bytes = chunk.bytes.slice(0, this.#left);
      chunk.release();
      this.#left -= bytes.length;
      const other = this.other;
      // Now at once, now cut in two, always in order.
      const split = this.#random.below(bytes.length + 1);
      this.#clock.defer(() => {
        if (other === null || other.isCut) return;
        other.receive(bytes.slice(0, split));
        other.receive(bytes.slice(split));
      });
      if (this.#left === 0) this.#clock.defer(() => this.#onCut());
    }
  }

  end(): void {
    this.wake();
    this.#clock.defer(() => this.cut());
  }

  drop(): void {
    this.session = null;
    this.cut();
  }

  /** Both sides hear that the connection is gone; what was under way is lost. */
  cut(): void {
    if (this.isCut) return;
    this.isCut = true;
    const session = this.session;
    this.#clock.defer(() => session?.mediumEnded(null));
    this.other?.cut();
  }
}

interface NetworkOptions {
  readonly seed: number;
  /** Mean bytes between cuts; 0: none. */
  readonly cutEvery: number;
  readonly onBus: (bus: HostBus) => void;
}

/** A guest and a host with a network between them that loses connections. */
function createNetwork({ seed, cutEvery, onBus }: NetworkOptions) {
  const clock = new VirtualClock();
  const random = new Random(seed);
  const links = new Set<HostLink>();
  const state = {
    cuts: 0,
    connections: 0,
    isDown: false,
    current: null as CuttableMedium | null,
    /** So many of the next connections lose all that is sent; so many what the host says; so many are never made. */
    swallows: 0,
    mutes: 0,
    hangs: 0,
  };
  const connectMedia = (): CuttableMedium => {
    state.connections += 1;
    const left = () => (cutEvery === 0 ? Number.MAX_SAFE_INTEGER : 40 + random.below(cutEvery * 2));
    const cut = () => {
      if (near.isCut) return;
      state.cuts += 1;
      near.cut();
    };
    const near = new CuttableMedium(clock, random, left(), cut);
    const far = new CuttableMedium(clock, random, left(), cut);
    near.other = far;
    far.other = near;
    state.current = near;
    if (state.swallows > 0) {
      state.swallows -= 1;
      near.other = null;
      return near;
    }
    if (state.mutes > 0) {
      state.mutes -= 1;
      far.other = null;
    }
    const link: HostLink = new HostLink({
      transport: 'virtual',
      medium: far,
      clock,
      maxQueuedBytes: 64 * 1024 * 1024,
      windowMegabytes: 4,
      guestMemoryBytes: 64 * 1024 * 1024,
      allocateRegion: (length) => ({ bytes: new Uint8Array(length), path: null, offset: 0, free: () => {} }),
      heartbeatMs: 1000,
      handshakeTimeoutMs: 5000,
      leaseMs: LEASE_MS,
      sessionId: `session ${links.size}`,
      hostName: 'host',
      authenticate: (token) => token === 'secret',
      onReady: onBus,
      findSession: (id) => [...links].find((entry) => entry.sessionId === id) ?? null,
      onHandedOver: () => links.delete(link),
    });
    link.onEnded = () => links.delete(link);
    links.add(link);
    far.attach(link);
    return near;
  };
  const first = connectMedia();
  const guest = new GuestLink({
    transport: 'virtual',
    medium: first,
    clock,
    maxQueuedBytes: 64 * 1024 * 1024,
    name: 'guest',
    token: 'secret',
    connectTimeoutMs: 5000,
    redial: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const cancel = clock.setTimer(() => {
          if (state.isDown) reject(new Error('no network'));
          else if (state.hangs > 0) state.hangs -= 1;
          else resolve(connectMedia());
        }, delayMs);
        signal.addEventListener('abort', () => {
          cancel();
          reject(new Error('given up'));
        });
      }),
  });
  first.attach(guest);
  return { clock, random, guest, links, state };
}

/** Runs time on until something has happened, or fails after an hour. */
async function until(clock: VirtualClock, what: string, isDone: () => boolean): Promise<void> {
  for (let ms = 0; ms < 3_600_000; ms += 50) {
    if (isDone()) return;
    await clock.advance(50);
  }
  assert.fail(`${what} has not happened within an hour`);
}

async function openChannel(clock: VirtualClock, guest: GuestBus): Promise<Channel> {
  let channel: Channel | null = null;
  guest.open(1).then(
    (opened) => {
      channel = opened;
    },
    () => {},
  );
  await until(clock, 'open', () => channel !== null);
  return channel as unknown as Channel;
}

describe('a session over connections that break', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    // The greeting itself gets through: only what has begun can be resumed.
    const cutEvery = [1500, 6000, 40_000, 400_000][seed % 4]!;
    // A frame must get through whole: nothing larger than what a connection carries at the least.
    const slotBytes = Math.min(SLOT_BYTES, cutEvery >>> 3);
    it(`loses, repeats and reorders nothing (seed ${seed}, a cut each ${cutEvery} bytes)`, async () => {
      let bus: HostBus | null = null;
      let far: Channel | null = null;
      const heard = { guest: [] as number[], host: [] as number[] };
      const closes: (Error | null)[] = [];
      const network = createNetwork({
        seed,
        cutEvery,
        onBus: (host) => {
          bus = host;
          host.onClose = (error) => closes.push(error);
          host.onChannelOpen = (channel) => {
            far = channel;
            channel.onPacket = ({ idLow, bytes, offset, length }) => {
              heard.host.push(idLow);
              assert.ok(isOfSeed(idLow, bytes.slice(offset, offset + length)), `packet ${idLow}`);
              // What was flushed before it is here.
              const slot = block?.address ?? 0;
              if (idLow % 4 === 0) assert.ok(isOfSeed(seed + idLow, host.memory.view(slot, slotBytes)));
              channel.send(PacketKind.completion, idLow, 0, 0, bytes, offset, length);
            };
          };
          host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 4 });
          host.start();
        },
      });
      const { clock, guest, random, state } = network;
      guest.onClose = (error) => closes.push(error);
      let isReady = false;
      guest.ready.then(
        () => {
          isReady = true;
        },
        () => {},
      );
      await clock.settle();
      // A cut before the welcome ends the attempt to connect, as it should.
      if (!isReady) {
        await until(clock, 'end', () => closes.length > 0 || isReady);
        if (!isReady) return;
      }
      const channel = await openChannel(clock, guest);
      const block = guest.memory.allocate(SLOT_BYTES);
      channel.onPacket = ({ idLow, bytes, offset, length }) => {
        heard.guest.push(idLow);
        assert.ok(isOfSeed(idLow, bytes.slice(offset, offset + length)));
      };
      const count = 120;
      for (let id = 1; id <= count; id += 1) {
        if (id % 4 === 0) {
          // The block is written again only when the host has seen it: it is the guest's own memory.
          await until(clock, `packet ${id - 1}`, () => heard.guest.length === id - 1);
          block.write(0, bytesOfSeed(seed + id, slotBytes));
        }
        const payload = bytesOfSeed(id, random.below(random.below(8) === 0 ? slotBytes : 100));
        channel.send(PacketKind.inBand, id, 0, 1, payload, 0, payload.length);
        if (random.below(3) === 0) (bus as unknown as HostBus).window.storeU64(8, id, seed);
        if (random.below(3) === 0) await clock.advance(random.below(30));
      }
      await until(clock, 'the last answer', () => heard.guest.length >= count);
      const expected = Array.from({ length: count }, (_, i) => i + 1);
      assert.deepEqual(heard.host, expected);
      assert.deepEqual(heard.guest, expected);
      assert.deepEqual(closes, []);
      if (cutEvery < 5000) assert.ok(state.cuts > 3, `${state.cuts} cuts`);
      assert.equal(network.links.size, 1);
      assert.ok(far !== null);
      guest.abort(new Error('done'));
      await clock.advance(60_000);
      assert.equal(closes.length, 2);
      assert.equal(network.links.size, 0);
      assert.equal(clock.timerCount, 0);
    });
  }

  async function openNetwork(cutEvery = 0) {
    const closes = { guest: [] as (Error | null)[], host: [] as (Error | null)[] };
    const channels: Channel[] = [];
    const hosts: HostBus[] = [];
    const network = createNetwork({
      seed: 1,
      cutEvery,
      onBus: (host) => {
        hosts.push(host);
        host.onClose = (error) => closes.host.push(error);
        host.onChannelOpen = (channel) => {
          channels.push(channel);
          channel.onPacket = () => {};
        };
        host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 4 });
        host.start();
      },
    });
    network.guest.onClose = (error) => closes.guest.push(error);
    await network.clock.settle();
    await network.guest.ready;
    const channel = await openChannel(network.clock, network.guest);
    return { ...network, closes, channel, channels, hosts };
  }

  it('ends once on both sides when nobody comes back within the lease', async () => {
    const { clock, guest, state, closes, channel, links } = await openNetwork();
    const interruptions: boolean[] = [];
    guest.onInterruption = (isInterrupted) => interruptions.push(isInterrupted);
    const pending = assert.rejects(guest.createGpadl([guest.memory.allocate(4096)]), isTransportError);
    state.isDown = true;
    state.current?.cut();
    await clock.advance(LEASE_MS - 1000);
    assert.deepEqual(closes, { guest: [], host: [] });
    assert.deepEqual(interruptions, [true]);
    assert.ok(channel.isOpen);
    await clock.advance(2000);
    await pending;
    for (const error of [...closes.guest, ...closes.host] as unknown[]) {
      assert.ok(isTransportError(error) && error.code === 'peer-closed');
      assert.match(error.message, /within 30 s/);
    }
    assert.equal(closes.guest.length + closes.host.length, 2);
    await clock.advance(60_000);
    assert.equal(clock.timerCount, 0);
    assert.equal(links.size, 0);
    assert.equal(closes.guest.length + closes.host.length, 2);
  });

  it('goes on when the network is back just in time, and says so', async () => {
    const { clock, guest, state, closes, channels } = await openNetwork();
    const interruptions: boolean[] = [];
    guest.onInterruption = (isInterrupted) => interruptions.push(isInterrupted);
    state.isDown = true;
    state.current?.cut();
    await clock.advance(LEASE_MS - 4000);
    state.isDown = false;
    await clock.advance(3000);
    assert.deepEqual(interruptions, [true, false]);
    await clock.advance(LEASE_MS);
    assert.deepEqual(closes, { guest: [], host: [] });
    assert.ok(channels[0]?.isOpen);
  });

  // The guest paid no heed to its host's answer: both ended in vain, five seconds later.
  for (const closer of ['guest', 'host'] as const) {
    it(`says all, and farewell, where its ${closer} closes while there is no connection`, async () => {
      const { clock, guest, state, closes, channel, channels, hosts } = await openNetwork();
      const heard: number[] = [];
      const [from, to] = closer === 'guest' ? [channel, channels[0]!] : [channels[0]!, channel];
      to.onPacket = ({ idLow }) => heard.push(idLow);
      const send = (id: number) => from.send(PacketKind.inBand, id, 0, 0, new Uint8Array(8), 0, 8);
      const near = state.current!;
      const far = near.other!;
      // The first packet is lost on its way.
      (closer === 'guest' ? near : far).other = null;
      send(1);
      await clock.settle();
      state.isDown = true;
      near.cut();
      far.cut();
      await clock.advance(10);
      send(2);
      const closed = (closer === 'guest' ? guest : hosts[0]!).close();
      await clock.advance(1000);
      state.isDown = false;
      await clock.advance(2500);
      await closed;
      assert.deepEqual(heard, [1, 2]);
      assert.deepEqual(closes, { guest: [null], host: [null] });
      await clock.advance(60_000);
      assert.equal(clock.timerCount, 0);
    });
  }

  it('sends nothing without what was lost before it, where a close runs out of time', async () => {
    const { clock, guest, state, closes, channel, channels } = await openNetwork();
    const heard: number[] = [];
    channels[0]!.onPacket = ({ idLow }) => heard.push(idLow);
    const send = (id: number) => channel.send(PacketKind.inBand, id, 0, 0, new Uint8Array(8), 0, 8);
    const near = state.current!;
    const far = near.other!;
    near.other = null;
    send(1);
    await clock.settle();
    state.isDown = true;
    near.cut();
    far.cut();
    await clock.advance(200);
    send(2);
    const closed = guest.close();
    await clock.advance(3200);
    // Just before its time is up the guest is heard again, and its host is not.
    state.isDown = false;
    state.mutes = 1;
    await clock.advance(3000);
    assert.equal(state.connections, 2);
    await closed;
    assert.deepEqual(heard, []);
    assert.deepEqual(closes.guest, [null]);
    const [error] = closes.host;
    assert.ok(isTransportError(error) && error.code === 'peer-closed', String(error));
    assert.match(error.message, /closed before all/);
  });

  it('notices a connection that carries nothing any more, and makes another', async () => {
    const { clock, state, closes } = await openNetwork();
    const dead = state.current!;
    // Both directions lose everything, and nobody is told.
    dead.other!.other = null;
    dead.other = null;
    await clock.advance(10_000);
    assert.equal(state.connections, 2);
    assert.deepEqual(closes, { guest: [], host: [] });
  });

  it('gives a connection up over which nobody answers, and makes another', async () => {
    const { clock, state, closes, guest, channels } = await openNetwork();
    const interruptions: boolean[] = [];
    guest.onInterruption = (isInterrupted) => interruptions.push(isInterrupted);
    // As a proxy does whose host is gone: it takes what comes and is silent.
    state.swallows = 1;
    state.current?.cut();
    await clock.advance(4900);
    assert.deepEqual(interruptions, [true]);
    assert.equal(state.connections, 2);
    await clock.advance(1000);
    assert.equal(state.connections, 3);
    assert.deepEqual(interruptions, [true, false]);
    // The same where making it takes for ever.
    state.hangs = 1;
    state.current?.cut();
    await clock.advance(4900);
    assert.deepEqual(interruptions, [true, false, true]);
    await clock.advance(1000);
    assert.deepEqual(interruptions, [true, false, true, false]);
    assert.deepEqual(closes, { guest: [], host: [] });
    assert.ok(channels[0]?.isOpen);
    guest.abort(new Error('done'));
    await clock.advance(60_000);
    assert.equal(clock.timerCount, 0);
  });

  it('says nothing but its greeting first, however much it has received', async () => {
    const { clock, state, closes, channel, channels } = await openNetwork();
    let count = 0;
    channel.onPacket = () => {
      count += 1;
    };
    channels[0]?.send(PacketKind.inBand, 1, 0, 0, new Uint8Array(100_000), 0, 100_000);
    await clock.advance(10);
    state.current?.cut();
    await clock.advance(1000);
    channels[0]?.send(PacketKind.inBand, 2, 0, 0, new Uint8Array(100_000), 0, 100_000);
    await clock.advance(1000);
    assert.equal(count, 2);
    assert.deepEqual(closes, { guest: [], host: [] });
    assert.equal(state.connections, 2);
  });

  /** Runs time on; each connection is cut by `end` as soon as the session goes on over it. */
  async function cutEachOne(network: Awaited<ReturnType<typeof openNetwork>>, ms: number, end: Error | null) {
    const { clock, guest, state } = network;
    guest.onInterruption = (isInterrupted) => {
      if (isInterrupted) return;
      const medium = state.current!;
      // The guest hears why; the host only that the connection is gone.
      clock.defer(() => {
        medium.session?.mediumEnded(end);
        medium.cut();
      });
    };
    state.current?.cut();
    for (let done = 0; done < ms; done += 50) await clock.advance(50);
  }

  // Each was made again at once, for ever: both sides had nothing else to do.
  it('takes its time where each new connection breaks before anything gets over it', async () => {
    const network = await openNetwork();
    await cutEachOne(network, 60_000, null);
    assert.ok(network.state.connections > 20, `${network.state.connections} connections`);
    assert.ok(network.state.connections < 50, `${network.state.connections} connections`);
    assert.deepEqual(network.closes, { guest: [], host: [] });
    network.guest.onInterruption = null;
    await network.clock.advance(10_000);
    assert.equal(network.guest.isInterrupted, false);
    network.guest.abort(new Error('done'));
    await network.clock.advance(60_000);
    assert.equal(network.clock.timerCount, 0);
  });

  // A proxy that takes short messages only (close code 1009) was asked again and again.
  it('ends where what it has to say is too large for whoever carries it', async () => {
    const network = await openNetwork();
    await cutEachOne(
      network,
      5000,
      new TransportError('too-large', 'the peer refused a message as too large'),
    );
    assert.equal(network.closes.guest.length, 1);
    const [error] = network.closes.guest;
    assert.ok(isTransportError(error) && error.code === 'too-large', String(error));
    assert.equal(network.state.connections, 2);
    await network.clock.advance(60_000);
    assert.equal(network.closes.host.length, 1);
    assert.equal(network.clock.timerCount, 0);
  });

  it('refuses a session that is unknown, and a wrong token', async () => {
    const { clock, guest, state, closes, links } = await openNetwork();
    state.isDown = true;
    state.current?.cut();
    await clock.advance(100);
    for (const link of [...links]) link.abort(new Error('the host has had enough'));
    state.isDown = false;
    await clock.advance(5000);
    assert.equal(closes.guest.length, 1);
    const [error] = closes.guest;
    assert.ok(isTransportError(error) && error.code === 'refused');
    assert.match(error.message, /no such session/);
    assert.equal(guest.isInterrupted, false);
    await clock.advance(60_000);
    assert.equal(clock.timerCount, 0);
    assert.equal(links.size, 0);
  });

  it('sends long ranges behind packets that nobody has confirmed, and again over a new connection', async () => {
    const { clock, guest, state, closes, channel, hosts } = await openNetwork();
    const block = guest.memory.allocate(4 * 1024 * 1024);
    for (let round = 1; round <= 3; round += 1) {
      // More than a first window, less than what is confirmed by itself; and nothing is answered.
      for (let id = 0; id < 2; id += 1)
        channel.send(PacketKind.inBand, id, 0, 0, new Uint8Array(50_000), 0, 50_000);
      await clock.settle();
      block.bytes.fill(round);
      block.flush(0, block.length);
      if (round === 2) {
        await clock.settle();
        state.current?.cut();
      }
      // Before any heartbeat.
      await clock.advance(400);
      const seen = hosts[0]?.memory.view(block.address, block.length);
      assert.ok(
        seen?.every((byte) => byte === round),
        `round ${round}`,
      );
    }
    assert.deepEqual(closes, { guest: [], host: [] });
    guest.abort(new Error('done'));
    await clock.advance(60_000);
  });

  it('keeps bounded memory for a side that does not confirm', async () => {
    const { clock, guest, channel } = await openNetwork();
    const block = guest.memory.allocate(32 * 1024 * 1024);
    // The guest's output is pulled by hand from here on: a peer that reads and confirms nothing.
    block.flush(0, block.length);
    let taken = 0;
    for (;;) {
      const chunk = guest.takeOutput();
      if (chunk === null) break;
      taken += chunk.bytes.length;
      chunk.release();
    }
    assert.ok(taken <= 9 * 1024 * 1024, `${taken} bytes ahead`);
    channel.abort(new Error('done'));
    guest.abort(new Error('done'));
    await clock.advance(60_000);
  });
});
