import type { Loan } from '../transport.ts';
import { canBeMoved, detacher } from './detacher.ts';

/** Makes an ArrayBuffer of part of a mapping. */
export type ViewBytes = (offset: number, lengthBytes: number) => ArrayBuffer;

/** Mappings of which a part may be in an ArrayBuffer that nobody here knows: their addresses are never given back. */
const keptForGood: ArrayBuffer[] = [];

/** How a loan ended. */
type LoanEnd =
  /** The ArrayBuffer was detached. */
  | 'returned'
  /** The collector found the ArrayBuffer given up. */
  | 'dropped'
  /** Somebody has moved the bytes into another ArrayBuffer. */
  | 'moved';

/** What is lent of one mapping. */
export class Loans {
  /** All of the mapping: while it can be reached, its addresses are not given back. */
  readonly #whole: ArrayBuffer;
  readonly #view: ViewBytes;
  #open = 0;
  #whenOver: (() => void) | null = null;
  #isKept = false;

  constructor(whole: ArrayBuffer, view: ViewBytes) {
    this.#whole = whole;
    this.#view = view;
  }

  readonly lend = (offset: number, lengthBytes: number, onReturn: () => void): Loan | null => {
    const detach = detacher();
    if (detach === null || lengthBytes === 0 || this.#whenOver !== null) return null;
    this.#open += 1;
    return new MappedLoan(this.#view(offset, lengthBytes), detach, (how) => {
      // Of what was dropped the same may be true, where a program can move bytes without our hearing of it.
      if (how === 'moved' || (how === 'dropped' && canBeMoved())) this.#keep();
      if (how !== 'moved') onReturn();
      this.#open -= 1;
      if (this.#open === 0) this.#whenOver?.();
    });
  };

  /** Calls back when nothing is lent: at once, or later. Nothing is lent from now on. */
  whenOver(callback: () => void): void {
    this.#whenOver = callback;
    if (this.#open === 0) callback();
  }

  #keep(): void {
    if (this.#isKept) return;
    this.#isKept = true;
    keptForGood.push(this.#whole);
  }
}

class MappedLoan implements Loan {
  /** It holds each loan, and with it the mapping, until it is over. */
  static readonly #dropped = new FinalizationRegistry<MappedLoan>((loan) => loan.#end('dropped'));
  readonly #buffer: WeakRef<ArrayBuffer>;
  readonly #detach: (buffer: ArrayBuffer) => void;
  #onEnd: ((how: LoanEnd) => void) | null;
  #isMoved = false;

  constructor(buffer: ArrayBuffer, detach: (buffer: ArrayBuffer) => void, onEnd: (how: LoanEnd) => void) {
    this.#buffer = new WeakRef(buffer);
    this.#detach = detach;
    this.#onEnd = onEnd;
    MappedLoan.#dropped.register(buffer, this, this);
  }

  get buffer(): ArrayBuffer | undefined {
    return this.#buffer.deref();
  }

  takeBack(): boolean {
    if (this.#onEnd === null) return !this.#isMoved;
    const { buffer } = this;
    if (buffer !== undefined) {
      this.#isMoved = buffer.byteLength === 0;
      if (!this.#isMoved) this.#detach(buffer);
    }
    MappedLoan.#dropped.unregister(this);
    this.#end(buffer === undefined ? 'dropped' : this.#isMoved ? 'moved' : 'returned');
    return !this.#isMoved;
  }

  #end(how: LoanEnd): void {
    const onEnd = this.#onEnd;
    this.#onEnd = null;
    onEnd?.(how);
  }
}
