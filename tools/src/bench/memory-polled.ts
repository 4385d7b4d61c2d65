import assert from 'node:assert/strict';
import { type Channel, PACKET_FLAG_COMPLETION_REQUESTED, type Packet, PacketKind } from '@dxgwire/transport';

/** What a thread does that finds nothing: look again, or sleep until it is woken. */
export type PolledMode = 'spin' | 'sleep';

/** The end of a bus whose thread can sleep, see `PolledEnd`. */
export interface Sleeper {
  sleep(timeoutMs: number): boolean;
}

/** Longer than any answer takes. */
const SLEEP_MS = 1000;

type RingEnd = Channel & { poll(): number };

function isPolled(channel: Channel): channel is RingEnd {
  return channel.poll !== undefined;
}

/** One end of a channel whose thread does nothing else meanwhile: it never goes back to its event loop. */
export class PolledChannel {
  readonly #channel: RingEnd;
  readonly #sleep: () => void;
  #isServing = false;
  #isAnswered = false;
  readonly #pause = new Int32Array(new SharedArrayBuffer(4));

  constructor(channel: Channel, bus: Partial<Sleeper>) {
    assert.ok(isPolled(channel), 'a ring can be polled');
    this.#channel = channel;
    this.#sleep = () => {
      assert.ok(bus.sleep !== undefined, 'this end can sleep');
      bus.sleep(SLEEP_MS);
    };
  }

  /** Answers, from the next turn until {@link stop}, which may come before that. Called by a packet. */
  serve(mode: PolledMode): void {
    if (this.#isServing) return;
    this.#isServing = true;
    setImmediate(() => {
      while (this.#isServing) {
        if (this.#channel.poll() === 0 && mode === 'sleep') this.#sleep();
      }
    });
  }

  /** Called by a packet. */
  stop(): void {
    this.#isServing = false;
  }

  /**
   * Asks `count` times, one after the other, and once before to see that the other side serves; sleeps before each if there is to
   * be a pause.
   *
   * @returns milliseconds, without the pauses.
   */
  ask(payload: Uint8Array, mode: PolledMode, count: number, pauseMs: number): number {
    const { onPacket } = this.#channel;
    this.#channel.onPacket = (packet: Packet) => {
      if (packet.kind === PacketKind.completion) this.#isAnswered = true;
    };
    this.#askOnce(payload, mode);
    let begin = performance.now();
    for (let i = 0; i < count; i += 1) {
      if (pauseMs > 0) {
        const paused = performance.now();
        Atomics.wait(this.#pause, 0, 0, pauseMs);
        begin += performance.now() - paused;
      }
      this.#askOnce(payload, mode);
    }
    const elapsed = performance.now() - begin;
    this.#channel.onPacket = onPacket;
    return elapsed;
  }

  #askOnce(payload: Uint8Array, mode: PolledMode): void {
    this.#isAnswered = false;
    this.#channel.send(PacketKind.inBand, 1, 0, PACKET_FLAG_COMPLETION_REQUESTED, payload, 0, payload.length);
    this.#channel.flush();
    for (;;) {
      this.#channel.poll();
      if (this.#isAnswered) return;
      if (mode === 'sleep') this.#sleep();
    }
  }
}
