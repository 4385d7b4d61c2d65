import type { Requirement } from '../requirement.ts';
import type { WireCommand } from '../wire/command.ts';
import type { GuestMessage, GuestView, Oddity } from './view.ts';

/** One rule on what a guest sends. `look` returns what is wrong, or null; `applies` counts what the rule has seen. */
export interface GuestRule extends Requirement {
  look(event: GuestEvent, view: GuestView): string | null | undefined;
}

/** Something that a guest did, in order, or that its host answered. */
export type GuestEvent =
  | { readonly kind: 'pciWrite'; readonly offset: number; readonly value: number }
  /** A channel that the guest has opened; that has ended; that its host takes away. */
  | { readonly kind: 'open' | 'closed' | 'rescind'; readonly channel: number }
  | GuestPacket
  /** A GPADL that is there, and that is being torn down. */
  | { readonly kind: 'gpadl' | 'gpadlEnd'; readonly gpadl: number; readonly lengthBytes?: number }
  | { readonly kind: 'oddity'; readonly what: Oddity; readonly channel?: number }
  /** The host has ended the link, for what came on it. */
  | { readonly kind: 'refusal'; readonly error: Error }
  /** A turn of the event loop in which the guest says something: its packets follow. */
  | { readonly kind: 'turn' }
  | { readonly kind: 'end'; readonly error: Error | null }
  | { readonly kind: 'answer'; readonly channel: number; readonly id: bigint; readonly bytes: Uint8Array };

export interface GuestPacket {
  readonly kind: 'packet';
  readonly channel: number;
  readonly packetKind: number;
  readonly id: bigint;
  readonly flags: number;
  readonly bytes: Uint8Array;
}

/** A message with all fields of its command: they may be read. One that is cut short has failed by that alone (GUEST-21). */
export type WholeMessage = GuestMessage & { readonly command: WireCommand };

export function isWhole(message: GuestMessage): message is WholeMessage {
  return message.command !== undefined && message.bodyBytes >= message.command.fixedBytes;
}

/** Collects rules in the order of their numbers. */
export class GuestRules {
  readonly list: GuestRule[] = [];

  /** Adds a rule. It returns undefined where it does not apply, null where it holds, else what was wrong. */
  rule(number: number, source: string, text: string, look: GuestRule['look']): void {
    const id = `GUEST-${String(number).padStart(2, '0')}`;
    this.list.push({ id, group: 'GUEST', level: 'must', text, source, look });
  }

  /** A rule on each message, once its headers have been read: of its fields nothing is known, it may end before them. */
  onMessage(
    number: number,
    source: string,
    text: string,
    look: (message: GuestMessage, view: GuestView) => string | null | undefined,
  ): void {
    this.rule(number, source, text, (event, view) =>
      event.kind === 'packet' && view.message !== null ? look(view.message, view) : undefined,
    );
  }

  /** A rule on the fields of messages. */
  onFields(
    number: number,
    source: string,
    text: string,
    look: (message: WholeMessage, view: GuestView) => string | null | undefined,
  ): void {
    this.onMessage(number, source, text, (message, view) =>
      isWhole(message) ? look(message, view) : undefined,
    );
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
