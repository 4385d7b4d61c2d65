import type { CommandDef, commands, Pairs, ReplyInput, ReplyOf, RequestOf } from '@dxgwire/protocol';
import type { GuestProcess } from './guest-process.ts';
import type { Partition } from './partition.ts';
import type { VirtualGpu } from './virtual-gpu.ts';

/**
 * What a handler knows of the message besides its body. The dispatcher reuses one object: a handler reads it before
 * it returns, and keeps what it needs for a later answer.
 */
export interface Call {
  readonly partition: Partition;
  /** Interface version in use. */
  readonly version: number;
  /** The virtual GPU that the message names. Commands of the global kind must not read it. */
  readonly gpu: VirtualGpu;
  /** The calling process. Only commands whose header names the caller may read it. */
  readonly process: GuestProcess;
  /** The header's process field, whatever it means for this command. */
  readonly processHandle: number;
  /** False when the guest wants no answer: a failure can only show in the device's state. */
  readonly wantsAnswer: boolean;
}

/** An NTSTATUS (success, or how the command failed), or the reply's body. */
export type Outcome<Reply> = number | Reply;

/** An answer that comes when something has ended. */
export class Later<Reply> {
  readonly start: (complete: (outcome: Outcome<Reply>) => void) => void;

  constructor(start: (complete: (outcome: Outcome<Reply>) => void) => void) {
    this.start = start;
  }
}

/** Answers later: `start` is called at once and calls `complete` exactly once, at any time. */
export function later<Reply>(start: (complete: (outcome: Outcome<Reply>) => void) => void): Later<Reply> {
  return new Later(start);
}

/**
 * Carries out one command with a checked body. A number is an NTSTATUS: the dispatcher turns a failure into what
 * this command's callers understand (full-length reply with the status, short reply, zero handle).
 */
export type Handler<D> = (call: Call, request: RequestOf<D>) => Outcome<ReplyInput<D>> | Later<ReplyInput<D>>;

/**
 * Carries out a command of the hot path, without an object for each message: the request is read into one value again
 * and again, with pairs instead of `bigint`, and the reply is written into another one. Neither may be kept. SUCCESS
 * means that all of the reply is filled; a reply that is one NTSTATUS is left alone. Only for commands whose reply has
 * one length and one form.
 */
export interface HotHandler<D> {
  readonly hot: (
    call: Call,
    request: Pairs<RequestOf<D>>,
    reply: Pairs<ReplyOf<D>>,
  ) => number | Later<ReplyInput<D>>;
}

type Commands = typeof commands;

/** Names of the commands that a guest sends: those with a known request and reply. */
export type GuestCommandName = {
  [K in keyof Commands]: [ReplyOf<Commands[K]>] extends [never] ? never : K;
}[keyof Commands];

/** A handler for each command that a guest sends; `tsc` reports one that is missing. */
export type Handlers = {
  readonly [K in GuestCommandName]: Handler<Commands[K]> | HotHandler<Commands[K]>;
};

/** The handlers of one file: any of them. */
export type SomeHandlers<K extends GuestCommandName> = { readonly [Name in K]: Handler<Commands[Name]> };

/** A hot command's reply as an answer that comes later gives it. */
export type HotReply<K extends GuestCommandName> = ReplyInput<Commands[K]>;

/** As {@link SomeHandlers}, on the hot path. */
export type SomeHotHandlers<K extends GuestCommandName> = {
  readonly [Name in K]: HotHandler<Commands[Name]>;
};

/** A command whose types do not matter. */
export type AnyCommand = CommandDef<unknown, unknown, never, never>;
