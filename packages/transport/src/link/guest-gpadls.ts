import { errorOfPeer, TransportError } from '../errors.ts';
import { checkGpadl, MAX_GPADLS } from '../gpadl.ts';
import { Pending } from '../pending.ts';
import { PAGE_BYTES, type PageRange } from '../transport.ts';
import type { LinkMessageBody } from './messages.ts';
import { pageHalves } from './mirrored-memory.ts';

/** What a guest's GPADLs need of its link. */
export interface GpadlLink {
  create(body: LinkMessageBody<'gpadlCreate'>): void;
  teardown(body: LinkMessageBody<'gpadlTeardown'>): void;
  /** Whether a range lies within one block of the guest's memory. */
  contains(address: number, length: number): boolean;
}

/** The GPADLs that a guest has, is making, and is taking down. */
export class GuestGpadls {
  readonly #link: GpadlLink;
  readonly #creating = new Pending<void>();
  readonly #tearing = new Pending<void>();
  readonly #ids = new Set<number>();
  #next = 1;
  /** As many as the host takes, by its own word. */
  most = MAX_GPADLS;

  constructor(link: GpadlLink) {
    this.#link = link;
  }

  async create(ranges: readonly PageRange[]): Promise<number> {
    checkGpadl(ranges, (address, length) => this.#link.contains(address, length));
    const used = this.#ids.size + this.#creating.size + this.#tearing.size;
    if (used >= this.most) {
      throw new TransportError('limit', `${used} GPADLs exist; the host takes ${this.most}`);
    }
    const gpadl = this.#next;
    this.#next += 1;
    const created = this.#creating.add(gpadl);
    const threes: number[] = [];
    for (const { address, length } of ranges) {
      const { pageLow, pageHigh } = pageHalves(address);
      threes.push(pageLow, pageHigh, length / PAGE_BYTES);
    }
    this.#link.create({ gpadl, ranges: threes });
    await created;
    this.#ids.add(gpadl);
    return gpadl;
  }

  async teardown(id: number): Promise<void> {
    if (!this.#ids.delete(id)) throw new TransportError('out-of-range', `there is no GPADL ${id}`);
    const torn = this.#tearing.add(id);
    this.#link.teardown({ gpadl: id });
    await torn;
  }

  /** The host has answered. */
  created({ gpadl, code, reason }: LinkMessageBody<'gpadlCreated'>): void {
    if (code === '') this.#creating.resolve(gpadl);
    else this.#creating.reject(gpadl, errorOfPeer({ code, message: reason }, 'the host refused a GPADL'));
  }

  /** The host has let go of one. */
  tornDown(gpadl: number): void {
    this.#tearing.resolve(gpadl);
  }

  rejectAll(error: TransportError): void {
    this.#creating.rejectAll(error);
    this.#tearing.rejectAll(error);
  }

  clear(): void {
    this.#ids.clear();
  }
}
