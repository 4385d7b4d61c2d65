import { createCodec, type MessageCodec } from '../codec/codec.ts';
import { InterfaceVersion } from '../constants.ts';
import type { Message } from './message.ts';

/** Which channel type a command's header names: a virtual GPU's, the global one, or from host to guest. */
export type CommandChannel = 'vgpu' | 'global' | 'host';

/**
 * How the host reports that a command failed:
 * - `status`: the reply holds an NTSTATUS; a failing reply has the full length all the same.
 * - `short-reply`: fewer bytes than the driver demands (none); the caller gets EOVERFLOW.
 * - `zero-handle`: a full reply whose handle is 0.
 * - `none`: it cannot fail.
 */
export type FailureConvention = 'status' | 'short-reply' | 'zero-handle' | 'none';

/** The reply length that the driver demands, where it depends on the request. */
export interface ReplyLength {
  /** In words, with `n` and the like as in the description of the tails. */
  readonly text: string;
  of(request: never, version: number): number;
}

/** Another form of a reply, towards older peers. */
export interface ReplyVariant {
  /** For interface versions below this one. */
  readonly below: number;
  readonly codec: MessageCodec<object, object>;
  readonly failure: FailureConvention;
  readonly statusOffset: number | null;
  readonly length: ReplyLength | null;
  /** Completes the older form's value to the present form. */
  complete(value: object): object;
}

/** One command of the table. `Request` and `Reply` are decoded values; the `Input`s may leave fields out. */
export interface CommandDef<Request = unknown, Reply = unknown, RequestInput = Request, ReplyInput = Reply> {
  /** PascalCase, as in the reference pages. */
  readonly name: string;
  /** `command_type` of the header. */
  readonly id: number;
  readonly channel: CommandChannel;
  /** Lowest interface version that has the command. */
  readonly since: number;
  /** Whether the Linux driver (or, for host messages, our host) sends it. If not, no layout is known. */
  readonly sent: boolean;
  /** What `process` of the header holds: the calling process, 0, or the process that is meant. */
  readonly headerProcess: 'caller' | 'zero' | 'target';
  /** Whether it is sent without wanting a completion. */
  readonly oneWay: 'never' | 'when-async' | 'always';
  readonly request: MessageCodec<Request, RequestInput> | null;
  readonly reply: MessageCodec<Reply, ReplyInput> | null;
  readonly replyVariants: readonly ReplyVariant[];
  /** Reply bytes that the driver demands, or null when that is always the size of the fixed part. */
  readonly replyLength: ReplyLength | null;
  /** Offset of the NTSTATUS in the reply's payload, or null. */
  readonly statusOffset: number | null;
  /** Whether the reply's payload begins with a copy of the request's 24-byte command header. */
  readonly replyHasHeader: boolean;
  readonly failure: FailureConvention;
  /** The D3DKMT calls that cause it. */
  readonly calls: readonly string[];
  /** The feature (id of IsFeatureEnabled) that it belongs to, if it is not part of the plain protocol. */
  readonly feature?: number;
  /** What the driver itself lets through, by field: for documentation and generators. */
  readonly limits: Readonly<Record<string, string>>;
  /** One sentence of meaning. */
  readonly summary: string;
  /** What an implementer is likely to get wrong, a sentence each. */
  readonly notes: readonly string[];
}

export type RequestOf<D> = D extends CommandDef<infer Request, unknown, never, never> ? Request : never;
export type ReplyOf<D> = D extends CommandDef<unknown, infer Reply, never, never> ? Reply : never;
export type RequestInput<D> = D extends CommandDef<unknown, unknown, infer Input, never> ? Input : never;
export type ReplyInput<D> = D extends CommandDef<unknown, unknown, never, infer Input> ? Input : never;

interface CommandDescription<Q, A, QI, AI> {
  readonly name: string;
  readonly id: number;
  readonly summary: string;
  readonly request: Message<Q, QI>;
  readonly reply: Message<A, AI>;
  readonly failure: FailureConvention;
  readonly headerProcess?: 'zero' | 'target';
  readonly oneWay?: 'when-async';
  readonly calls?: readonly string[];
  readonly limits?: Readonly<Record<string, string>>;
  readonly notes?: readonly string[];
  readonly replyLength?: ReplyLength;
  readonly replyVariants?: readonly VariantDescription[];
}

interface VariantDescription {
  readonly below: number;
  readonly reply: Message;
  readonly failure: FailureConvention;
  readonly length?: ReplyLength;
  readonly complete: (value: never) => object;
}

/** Offset of the reply's NTSTATUS in the payload, or null. */
function statusOffsetOf(message: Message): number | null {
  for (const node of message.struct.nodes) {
    if (node.node === 'field' && node.type.kind === 'scalar' && node.type.meaning === 'status')
      return node.offset;
  }
  return null;
}

function guestCommand<Q, A, QI, AI>(
  channel: CommandChannel,
  description: CommandDescription<Q, A, QI, AI>,
): CommandDef<Q, A, QI, AI> {
  const { name, reply } = description;
  return {
    name,
    id: description.id,
    channel,
    // The driver sends every command in every version that it speaks.
    since: InterfaceVersion.lastCompatible,
    sent: true,
    headerProcess: description.headerProcess ?? 'caller',
    oneWay: description.oneWay ?? 'never',
    request: createCodec(name, description.request),
    reply: createCodec(`${name} reply`, reply),
    replyVariants: (description.replyVariants ?? []).map((variant) => ({
      below: variant.below,
      codec: createCodec(`${name} reply`, variant.reply) as MessageCodec<object, object>,
      failure: variant.failure,
      statusOffset: statusOffsetOf(variant.reply as Message),
      length: variant.length ?? null,
      complete: variant.complete as (value: object) => object,
    })),
    replyLength: description.replyLength ?? null,
    statusOffset: statusOffsetOf(reply as Message),
    replyHasHeader: reply.headerBytes !== 0,
    failure: description.failure,
    calls: description.calls ?? [],
    limits: description.limits ?? {},
    summary: description.summary,
    notes: description.notes ?? [],
  };
}

/** A command to one virtual GPU. */
export function vgpuCommand<Q, A, QI, AI>(
  description: CommandDescription<Q, A, QI, AI>,
): CommandDef<Q, A, QI, AI> {
  return guestCommand('vgpu', description);
}

/** A command to the host as a whole. */
export function globalCommand<Q, A, QI, AI>(
  description: CommandDescription<Q, A, QI, AI>,
): CommandDef<Q, A, QI, AI> {
  return guestCommand('global', description);
}

/** A message from the host, never answered. */
export function hostEvent<Q, QI>(description: {
  readonly name: string;
  readonly id: number;
  readonly summary: string;
  readonly notes: readonly string[];
  readonly request: Message<Q, QI>;
}): CommandDef<Q, never, QI, never> {
  const { name, id, summary, notes } = description;
  const request = createCodec(name, description.request);
  return { ...numbered('host', id, name, summary), sent: true, request, notes };
}

/** A command that has a number, but that the Linux driver never sends (or understands): its layout is not known. */
export function numbered(
  channel: CommandChannel,
  id: number,
  name: string,
  summary: string,
): CommandDef<never, never, never, never> {
  return {
    name,
    id,
    channel,
    since: InterfaceVersion.lastCompatible,
    sent: false,
    headerProcess: channel === 'host' ? 'zero' : 'caller',
    oneWay: channel === 'host' ? 'always' : 'never',
    request: null,
    reply: null,
    replyVariants: [],
    replyLength: null,
    statusOffset: null,
    replyHasHeader: false,
    failure: channel === 'host' ? 'none' : 'status',
    calls: [],
    limits: {},
    summary,
    notes: [],
  };
}
