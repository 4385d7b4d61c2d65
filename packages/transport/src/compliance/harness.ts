import assert from 'node:assert/strict';
import { isTransportError, type TransportErrorCode } from '../errors.ts';
import { type Channel, type GuestBus, type Packet, PacketKind } from '../transport.ts';
import { isWhole, PacketDigest } from './data.ts';
import type { HostReport, Request } from './responder.ts';

/** One bus whose host end is served by `serveCompliance`, wherever that is. */
export interface ComplianceBus {
  readonly guest: GuestBus;
  /** What `serveCompliance` returned. */
  readonly report: Promise<HostReport>;
  /** Ends whatever the fixture started. The guest's bus is closed before. */
  dispose(): Promise<void>;
}

/** How the suite gets its buses. */
export interface TransportFixture {
  /** A fresh bus, host served, offers on their way. */
  open(): Promise<ComplianceBus>;
  /** False where the medium cannot tell a guest why a channel ended (VMBus proper). Default true. */
  readonly tellsReasons?: boolean;
  /** How long one test may take, milliseconds: what was lost never comes. Default 120,000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/** Runs a test of one bus, for as long as the fixture lets it. */
export async function inTime(fixture: TransportFixture, run: () => Promise<void>): Promise<void> {
  const timeoutMs = fixture.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`nothing came any more, and the test was not over within ${timeoutMs} ms`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A bus under test with both channels open: the global one for requests, the first virtual GPU's to test. */
export class Subject {
  readonly guest: GuestBus;
  readonly report: Promise<HostReport>;
  readonly control: Channel;
  readonly channel: Channel;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #nextId = 1;

  constructor(guest: GuestBus, report: Promise<HostReport>, control: Channel, channel: Channel) {
    this.guest = guest;
    this.report = report;
    this.control = control;
    this.channel = channel;
    control.onPacket = (packet) => this.#answered(packet);
    control.onClose = (error) => {
      for (const { reject } of this.#waiting.values())
        reject(error ?? new Error('the control channel closed'));
      this.#waiting.clear();
    };
  }

  /** Asks the host's end for something; sent at once, so in order with what was sent before. */
  ask(request: Request): Promise<unknown> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.post(request, id);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  /** As {@link ask} without waiting for an answer. */
  post(request: Request, id = 0): void {
    const bytes = new TextEncoder().encode(JSON.stringify(request));
    this.control.send(PacketKind.inBand, id, 0, id === 0 ? 0 : 1, bytes, 0, bytes.length);
  }

  #answered(packet: Packet): void {
    const waiting = this.#waiting.get(packet.idLow);
    this.#waiting.delete(packet.idLow);
    const text = new TextDecoder().decode(packet.bytes.slice(packet.offset, packet.offset + packet.length));
    waiting?.resolve(JSON.parse(text.replace(/\0+$/, '')));
  }
}

/** Waits until the host has offered the global channel and one virtual GPU. */
export async function awaitOffers(guest: GuestBus): Promise<void> {
  if (guest.offers.length >= 2 && guest.pciFunctions.length >= 1) return;
  await new Promise<void>((resolve) => {
    guest.onPciFunction = () => {
      guest.onPciFunction = null;
      resolve();
    };
  });
}

/** Runs one test with a fresh bus, and closes everything afterwards. */
export async function withSubject(
  fixture: TransportFixture,
  test: (subject: Subject) => Promise<void>,
): Promise<void> {
  const { guest, report, dispose } = await fixture.open();
  try {
    await inTime(fixture, async () => {
      await awaitOffers(guest);
      await test(new Subject(guest, report, await guest.open(1), await guest.open(2)));
      await guest.close();
    });
  } catch (error) {
    // A bus that does not do what it should may never close in order.
    guest.abort(error as Error);
    throw error;
  } finally {
    await dispose();
  }
}

/** Collects what comes on a channel. */
export class Collector {
  readonly digest = new PacketDigest();
  readonly kinds: number[] = [];
  readonly ids: bigint[] = [];
  readonly payloads: Uint8Array[] = [];
  readonly #keep: boolean;
  #wanted = Number.POSITIVE_INFINITY;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};

  /** @param keep - Whether to keep each packet, not only their digest. */
  constructor(channel: Channel, keep: boolean) {
    this.#keep = keep;
    channel.onPacket = (packet) => this.#take(packet);
    channel.onClose = (error) => this.#reject(error ?? new Error('the channel closed'));
  }

  #take(packet: Packet): void {
    const { kind, idLow, idHigh, flags, bytes, offset, length } = packet;
    if (!isWhole(packet))
      this.#reject(new Error(`view and bytes of packet ${idLow} are not of the same buffer`));
    this.digest.add(kind, idLow, idHigh, flags, bytes, offset, length);
    if (this.#keep) {
      this.kinds.push(kind);
      this.ids.push((BigInt(idHigh) << 32n) | BigInt(idLow));
      this.payloads.push(bytes.slice(offset, offset + length));
    }
    if (this.digest.count >= this.#wanted) this.#resolve();
  }

  /** Resolves when `count` packets have come in all. */
  async until(count: number): Promise<void> {
    if (this.digest.count >= count) return;
    this.#wanted = count;
    await new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
}

/** Sends one packet, waiting for room where asked to. */
export async function sendPaced(
  channel: Channel,
  kind: PacketKind,
  idLow: number,
  idHigh: number,
  flags: number,
  bytes: Uint8Array,
  length: number,
): Promise<void> {
  if (channel.send(kind, idLow, idHigh, flags, bytes, 0, length)) return;
  await new Promise<void>((resolve) => {
    channel.onDrain = resolve;
  });
}

/** Checks that a promise is rejected with a TransportError of that code. */
export async function rejectsWith(promise: Promise<unknown>, code: TransportErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => isTransportError(error) && error.code === code);
}

/** Checks that a call throws a TransportError of that code. */
export function throwsWith(call: () => unknown, code: TransportErrorCode): void {
  assert.throws(call, (error) => isTransportError(error) && error.code === code);
}

/** Turns a callback property that is called once into a promise. */
export function closeOf(target: { onClose: ((error: Error | null) => void) | null }): Promise<Error | null> {
  return new Promise((resolve) => {
    target.onClose = resolve;
  });
}
