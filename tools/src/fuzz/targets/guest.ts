import type { FuzzTarget } from '../target.ts';
import { GuestLinkAttack } from './guest-link-attack.ts';
import { check, runCalls, runWebgpu } from './guest-programs.ts';
import { attackRings } from './guest-ring-attack.ts';
import { WINDOW_BYTES } from './hostile-bus.ts';
import { HostileHost } from './hostile-host.ts';
import { MischiefList } from './mischief.ts';

/** First byte: what is attacked. */
const Way = { calls: 0, webgpu: 1, link: 2, rings: 3 } as const;
const HEADER_BYTES = 4;
/** Turns without a message after which a program waits for what does not come. */
const QUIET_TURNS = 3;
const VERSIONS = [40, 27, 39, 0];

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A guest whose host means mischief: its driver, its WebGPU, its link and its rings. */
export class GuestTarget implements FuzzTarget {
  readonly name = 'guest';
  readonly summary = 'guests of hostile hosts';
  readonly unit = 'guests';
  readonly maxInputBytes = 4096;
  readonly #window = new Uint8Array(WINDOW_BYTES);
  readonly #link: GuestLinkAttack;
  readonly #defects: unknown[] = [];
  readonly #onRejection = (reason: unknown): void => void this.#defects.push(reason);
  #messages = 0;
  #completed = 0;
  #stuck = 0;

  private constructor(link: GuestLinkAttack) {
    this.#link = link;
    process.on('unhandledRejection', this.#onRejection);
  }

  static async open(): Promise<GuestTarget> {
    return new GuestTarget(await GuestLinkAttack.open());
  }

  seeds(): readonly Uint8Array[] {
    const seeds: Uint8Array[] = [];
    for (const way of [Way.calls, Way.webgpu]) {
      for (let options = 0; options < 16; options += 1) seeds.push(Uint8Array.of(way, options, 0, 0));
      // Each kind of mischief at each of the first messages, one or two of them at a time.
      for (let what = 0; what < 20; what += 1) {
        for (let message = what % 7; message < 44; message += 13) {
          const place = (message * 37 + what * 11) & 0xff;
          const seed = [way, what & 15, 0, 0, message, what, place & 0xfc, 0, 0xff, place, 0, 0x80];
          if (message % 3 === 0) seed.push(message + 2, (what * 7 + 3) % 20, 4, 0, 1, 0, 0, 0);
          seeds.push(Uint8Array.from(seed));
        }
      }
    }
    seeds.push(...this.#link.seeds().map((seed) => Uint8Array.of(Way.link, 0, 0, 0, ...seed)));
    for (let index = 0; index < 16; index += 1) {
      const steps = Array.from({ length: 64 }, (_, at) => (at * (2 * index + 1) * 29 + index * 7) & 0xff);
      seeds.push(Uint8Array.of(Way.rings, index, 0, 0, ...steps));
    }
    return seeds;
  }

  async run(input: Uint8Array): Promise<void> {
    if (input.length < HEADER_BYTES) return;
    const bytes = input.slice(HEADER_BYTES);
    const way = input[0]! & 3;
    if (way === Way.link) await this.#link.run(bytes);
    else if (way === Way.rings) await attackRings(bytes, input[1]!);
    else await this.#program(way === Way.calls ? runCalls : runWebgpu, input[1]!, bytes);
    if (this.#defects.length > 0)
      throw new Error(`nobody took a rejection: ${describe(this.#defects.splice(0)[0])}`);
  }

  async #program(program: typeof runCalls, options: number, bytes: Uint8Array): Promise<void> {
    this.#window.fill(0);
    const host = new HostileHost(
      {
        version: VERSIONS[options & 3]!,
        isAsync: (options & 4) !== 0,
        mapsGuestMemory: (options & 8) !== 0,
        adapters: (options & 16) === 0 ? 1 : 2,
        hasReturnEvents: (options & 32) === 0,
      },
      new MischiefList(bytes),
      this.#window,
    );
    let isOver = false;
    let failure: unknown;
    program(host.bus)
      .then(
        () => {
          this.#completed += 1;
        },
        (error: unknown) => {
          failure = error;
        },
      )
      .finally(() => {
        isOver = true;
      });
    const over = (): boolean => isOver;
    await untilQuiet(host, over);
    if (!over()) {
      // An answer that was left out is waited for as long as the host is there.
      this.#stuck += 1;
      host.bus.end(new Error('the host is gone'));
      await untilQuiet(host, over);
    }
    if (!over()) throw new Error('a call of the guest does not end with its host');
    host.bus.end(null);
    await nextTurn();
    this.#messages += host.messages;
    if (host.bus.thrown.length > 0) throw host.bus.thrown[0];
    if (failure !== undefined) check(failure);
  }

  describe(): string {
    return `${this.#messages} messages of guests, ${this.#completed} programs came to their end, ${this.#stuck} waited in vain`;
  }

  async close(): Promise<void> {
    process.off('unhandledRejection', this.#onRejection);
  }
}

async function untilQuiet(host: HostileHost, isOver: () => boolean): Promise<void> {
  let seen = -1;
  for (let quiet = 0; quiet < QUIET_TURNS && !isOver(); quiet += 1) {
    if (host.messages !== seen) quiet = 0;
    seen = host.messages;
    await nextTurn();
  }
}

function describe(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}
