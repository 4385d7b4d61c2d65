import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTransportError, TransportError } from '../errors.ts';
import { HostLinks, type LinkHostSettings } from '../link/host-links.ts';
import { FIRST_ATTEMPT_MS, LAST_ATTEMPT_MS } from '../link/limits.ts';
import { clearTimeout, now, setTimeout } from '../timers.ts';
import type { GuestBus } from '../transport.ts';
import { type DeviceFile, openDeviceFile } from './device-file.ts';
import { LineGuests } from './line-guests.ts';
import { lineMark, MarkFinder } from './line-mark.ts';
import type { StreamListener } from './listen.ts';
import { FAREWELL_TIMEOUT_MS, StreamMedium, streamError } from './stream-medium.ts';

/** Pauses before a device is opened again, milliseconds: the first, and the longest that they grow to. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1000;
/** What an attempt fails with for good. With all else it may be that it was not meant for it: the farewell to another guest. */
const FINAL: ReadonlySet<string> = new Set(['refused', 'version-mismatch', 'connect-failed']);

/** One attempt to be let in: how long it may take, and what tells its answer from that to another. */
interface Attempt {
  readonly timeoutMs: number;
  readonly number: number;
}

/**
 * Connects over a character device. Nothing tells the two ends of such a line of each other's comings and goings: what
 * lies in it from before is dropped, a host that still has another guest in mind is asked again, and so is one whose
 * answer went with the rest of what it was saying to that guest.
 *
 * @param join - Says hello over a medium and waits for the answer.
 * @throws TransportError `connect-failed` when the device cannot be opened; else as `join` says, in the end.
 */
export async function connectOverDevice(
  path: string,
  timeoutMs: number,
  join: (medium: StreamMedium, attempt: Attempt) => Promise<GuestBus>,
): Promise<GuestBus> {
  const deadline = now() + timeoutMs;
  let reason: unknown = null;
  let pauseMs = FIRST_PAUSE_MS;
  for (let attemptMs = FIRST_ATTEMPT_MS; ; ) {
    const { streams, whenClosed } = await openDeviceFile(path, true, 'connect-failed');
    try {
      const medium = new LineMedium(streams, streamError, 'own');
      streams.writable.write(lineMark());
      const leftMs = Math.max(1, deadline - now());
      const attempt = { timeoutMs: Math.min(attemptMs, leftMs), number: randomInt(1, 2 ** 32) };
      const guest = await join(medium, attempt);
      medium.hasBegun = true;
      return guest;
    } catch (error) {
      // One that may have one program at a time is free again then.
      await whenClosed();
      if (!isTransportError(error) || FINAL.has(error.code)) throw error;
      const isUnanswered = error.code === 'time-out';
      // The last try may have had but a moment: what ended the ones before says more.
      if (now() + pauseMs >= deadline) throw isUnanswered ? (reason ?? unanswered(timeoutMs)) : error;
      if (isUnanswered) attemptMs = Math.min(2 * attemptMs, LAST_ATTEMPT_MS);
      else reason = error;
    }
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
  }
}

/** A guest's end of a line, in which the host's mark says where what is for this guest begins. */
class LineMedium extends StreamMedium {
  /** No more marks are looked for. */
  hasBegun = false;
  readonly #mark = new MarkFinder();

  override received(bytes: Uint8Array): void {
    let rest = bytes;
    for (let end = this.#find(rest); end >= 0; end = this.#find(rest)) {
      this.begins();
      rest = rest.subarray(end);
    }
    if (rest.length > 0) super.received(rest);
  }

  #find(bytes: Uint8Array): number {
    return this.hasBegun ? -1 : this.#mark.find(bytes);
  }
}

function unanswered(timeoutMs: number): TransportError {
  return new TransportError('time-out', `the host did not answer the hello within ${timeoutMs / 1000} s`);
}

/**
 * Serves the guests at the other end of a character device, one after the other.
 *
 * @throws TransportError `listen-failed`.
 */
export async function listenOnDevice(path: string, settings: LinkHostSettings): Promise<StreamListener> {
  const links = new HostLinks('device', settings, false);
  const server = new DeviceServer(path, links, await openDeviceFile(path, false, 'listen-failed'));
  return {
    url: `device:${path}`,
    port: 0,
    ended: server.ended,
    unref: () => server.unref(),
    close: () => server.close(),
  };
}

class DeviceServer {
  readonly #path: string;
  readonly #links: HostLinks;
  readonly #stop = new AbortController();
  #device: DeviceFile;
  #isReferenced = true;
  /** Settles when the device is there no more. */
  readonly ended: Promise<void>;

  constructor(path: string, links: HostLinks, device: DeviceFile) {
    this.#path = path;
    this.#links = links;
    this.#device = device;
    this.ended = this.#serve();
  }

  async #serve(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      if (await this.#serveUntilHangUp()) pauseMs = FIRST_PAUSE_MS;
      if (this.#stop.signal.aborted) return;
      try {
        await sleep(pauseMs, undefined, { signal: this.#stop.signal, ref: this.#isReferenced });
        this.#device = await openDeviceFile(this.#path, false, 'listen-failed');
      } catch {
        return;
      }
    }
  }

  /** @returns whether anything has come. */
  async #serveUntilHangUp(): Promise<boolean> {
    const { readable, writable } = this.#device.streams;
    const guests = new LineGuests(this.#links, this.#path, writable, (isThere) => {
      if (isThere) readable.ref();
    });
    let hasCome = false;
    this.#reference();
    readable.on('data', (bytes: Uint8Array) => {
      hasCome = true;
      guests.received(bytes);
    });
    // The end of a device says it as well.
    for (const stream of [readable, writable]) stream.on('error', () => {});
    await new Promise<void>((resolve) => {
      readable.once('close', () => resolve());
      if (this.#stop.signal.aborted) readable.destroy();
    });
    guests.hungUp();
    await this.#device.whenClosed();
    return hasCome;
  }

  /** Makes the open device keep this process alive, or not. */
  #reference(): void {
    if (this.#isReferenced || this.#links.count > 0) this.#device.streams.readable.ref();
    else this.#device.streams.readable.unref();
  }

  unref(): void {
    this.#isReferenced = false;
    this.#links.onNoneLeft = () => this.#reference();
    this.#reference();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#links.close();
    // What was said last goes out; then the device is closed, or when nobody reads there.
    const { readable, writable } = this.#device.streams;
    writable.end();
    const timer = setTimeout(() => readable.destroy(), FAREWELL_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }
}
