import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { HostLinks } from '../link/host-links.ts';
import { clearTimeout, setTimeout } from '../timers.ts';
import { LineGuests } from './line-guests.ts';
import { beginsWithMark, isBeginningOfMark } from './line-mark.ts';
import { FAREWELL_TIMEOUT_MS, StreamMedium, streamError } from './stream-medium.ts';

/**
 * A connection with a guest at its other end; or where the first that comes is a mark, with a line behind it: a virtual
 * machine's port, of which the connection is the VMM's and lasts while guests come and go.
 */
export class ConnectionMedium extends StreamMedium {
  readonly #socket: Socket;
  readonly #links: HostLinks;
  readonly #peer: string;
  /** The first bytes, until they tell. */
  #first: Uint8Array | null = new Uint8Array(0);
  #guests: LineGuests | null = null;
  #withdraw: () => void = () => {};
  #lineEnded: () => void = () => {};
  readonly #isLocal: boolean;

  /** @param isLocal - Nobody else can connect: a line may stay before the first of its guests has come. */
  constructor(socket: Socket, links: HostLinks, peer: string, isLocal: boolean) {
    super(socket, streamError, 'own');
    this.#isLocal = isLocal;
    this.#socket = socket;
    this.#links = links;
    this.#peer = peer;
    this.#withdraw = links.connected(this, peer);
  }

  /** Whether guests come and go here: the end of their links does not end it. */
  get isLine(): boolean {
    return this.#guests !== null;
  }

  override received(bytes: Uint8Array): void {
    if (this.#first === null) {
      if (this.#guests === null) super.received(bytes);
      else this.#guests.received(bytes);
      return;
    }
    const first = this.#first.length === 0 ? bytes : Buffer.concat([this.#first, bytes]);
    if (isBeginningOfMark(first)) {
      this.#first = Uint8Array.from(first);
      return;
    }
    this.#first = null;
    if (beginsWithMark(first)) this.#becomeLine();
    this.received(first);
  }

  #becomeLine(): void {
    this.#withdraw();
    this.#lineEnded = this.#links.lineBegan();
    const socket = this.#socket;
    // A listener keeps the process alive, and so does a guest; that one may come does not.
    socket.unref();
    const stranger = this.#isLocal
      ? undefined
      : setTimeout(() => socket.destroy(), this.#links.handshakeTimeoutMs);
    stranger?.unref();
    socket.once('close', () => clearTimeout(stranger));
    const presence = (isThere: boolean) => {
      if (isThere) socket.ref();
      else socket.unref();
    };
    this.#guests = new LineGuests(this.#links, this.#peer, socket, presence, () => clearTimeout(stranger));
  }

  protected override ended(): void {
    this.#guests?.hungUp();
    this.#lineEnded();
    super.ended();
  }

  /** No guest is to come any more: what was said to the last one goes out. */
  close(): void {
    const timer = setTimeout(() => this.#socket.destroy(), FAREWELL_TIMEOUT_MS);
    this.#socket.once('close', () => clearTimeout(timer)).end();
  }
}
