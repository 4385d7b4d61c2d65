import type { GuestBus } from '../transport.ts';
import type { OutputChunk } from './output.ts';

export type { OutputChunk } from './output.ts';

/** What a medium knows of the link that it carries. */
export interface LinkEnd {
  /** Takes bytes from the medium; they are not kept. Never throws: what cannot be ends the link. */
  receive(bytes: Uint8Array): void;
  /**
   * The next bytes to write, or null.
   *
   * @param gathers - The medium writes a chunk's `payload` as well, right behind its `bytes`: long ranges of memory are
   * then written from where they lie. Left out, `payload` is always null.
   */
  takeOutput(gathers?: boolean): OutputChunk | null;
  /**
   * What has come so far was for another link, and may have ended within a frame: only what comes from now on is for this
   * one. Without effect on a link that has begun.
   */
  beginsHere?(): void;
  /** The medium has ended, by itself or with an error. */
  mediumEnded(error: Error | null): void;
  abort(error: Error): void;
}

/** What a link asks of its medium: one connection. */
export interface LinkMedium {
  /** From now on this session is told what comes in, asked for what goes out, and told of the end. */
  attach(session: LinkEnd): void;
  /** There is output: pull it with {@link LinkEnd.takeOutput} as far as the medium takes it. */
  wake(): void;
  /**
   * The link is over. What {@link LinkEnd.takeOutput} still gives is the farewell: write it, then close, and
   * do not wait long for a peer that does not read.
   */
  end(error: Error | null): void;
  /** Cuts the connection at once. The session is told nothing more. */
  drop(): void;
  /**
   * What came right behind the last frame of this link, which has ended with it. Left out where a connection carries one
   * link only. The bytes are not this medium's to keep.
   */
  leftOver?(bytes: Uint8Array): void;
  /** As {@link GuestBus.receiveNow}; left out where a thread cannot wait for the medium. */
  receiveNow?(timeoutMs: number): boolean;
  /** Whether the medium keeps a process alive; left out where that is not a notion. */
  setReferenced?(isReferenced: boolean): void;
}
