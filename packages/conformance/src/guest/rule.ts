import type { Requirement } from '../requirement.ts';
import type { GuestMessage, GuestView, Oddity } from './view.ts';

/** One rule on what a guest sends. `look` returns what is wrong, or null; `applies` counts what the rule has seen. */
export interface GuestRule extends Requirement {
  look(event: GuestEvent, view: GuestView): string | null | undefined;
}

/** Something that a guest did, in order, or that its host answered. */
export type GuestEvent =
  | { readonly kind: 'pciWrite'; readonly offset: number; readonly value: number }
  | { readonly kind: 'open'; readonly channel: number }
  | GuestPacket
  /** A GPADL that is there, and that is being torn down. */
  | { readonly kind: 'gpadl' | 'gpadlEnd'; readonly gpadl: number }
  | { readonly kind: 'oddity'; readonly what: Oddity; readonly channel?: number }
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

/** Collects rules in the order of their numbers. */
export class GuestRules {
  readonly list: GuestRule[] = [];

  /** Adds a rule. It returns undefined where it does not apply, null where it holds, else what was wrong. */
  rule(number: number, source: string, text: string, look: GuestRule['look']): void {
    const id = `GUEST-${String(number).padStart(2, '0')}`;
    this.list.push({ id, group: 'GUEST', level: 'must', text, source, look });
  }

  /** A rule on each message, once its headers have been read. */
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
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
