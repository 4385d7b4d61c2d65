import {
  CommandChannelType,
  type CommandHeader,
  commands,
  minimumReplyBytes,
  NtStatus,
  type PairCodec,
  pairCodec,
} from '@dxgwire/protocol';
import type { AnyCommand, Call, Later, Outcome } from './handler.ts';
import { handlers } from './handlers/index.ts';

const FIRST_GLOBAL_ID = 1000;
/** Reply that is one NTSTATUS, bytes. */
const STATUS_REPLY_BYTES = 4;

/** What a hot command has besides: codecs that read into one value and write from one. */
export interface HotPath {
  /** Its number among the hot commands, from 0: each dispatcher has values of its own for it. */
  readonly index: number;
  readonly request: PairCodec<object>;
  readonly reply: PairCodec<object>;
  readonly handle: (call: Call, request: object, reply: object) => number | Later<object>;
}

/** One command as the dispatcher sees it: its description, its handler, and what follows from the description. */
export interface Route {
  readonly def: AnyCommand;
  /** Used unless there is {@link hot}. */
  readonly handle: (call: Call, request: object) => Outcome<object> | Later<object>;
  readonly hot: HotPath | null;
  readonly isVgpuCommand: boolean;
  readonly needsProcess: boolean;
  /** The reply is one NTSTATUS. */
  readonly repliesStatusOnly: boolean;
  /** Reply bytes that the guest demands, when that depends on neither request nor version; else −1. */
  readonly fixedReplyBytes: number;
}

let hotCount = 0;

function makeHotPath(def: AnyCommand, handle: HotPath['handle'], fixedReplyBytes: number): HotPath {
  // An answer must not need the request, which the next message overwrites.
  if (fixedReplyBytes < 0 || def.replyHasHeader) throw new TypeError(`${def.name}: its reply has many forms`);
  hotCount += 1;
  return {
    index: hotCount - 1,
    request: pairCodec(def.request) as PairCodec<object>,
    reply: pairCodec(def.reply) as PairCodec<object>,
    handle,
  };
}

function makeRoute(def: AnyCommand, handler: Route['handle'] | { readonly hot: HotPath['handle'] }): Route {
  const isFixed = def.replyLength === null && def.replyVariants.length === 0;
  const fixedReplyBytes = isFixed ? minimumReplyBytes(def, 0, {}) : -1;
  return {
    def,
    handle: typeof handler === 'function' ? handler : () => NtStatus.notSupported,
    hot: typeof handler === 'function' ? null : makeHotPath(def, handler.hot, fixedReplyBytes),
    isVgpuCommand: def.channel === 'vgpu',
    needsProcess: def.headerProcess === 'caller',
    repliesStatusOnly: def.statusOffset === 0 && fixedReplyBytes === STATUS_REPLY_BYTES,
    fixedReplyBytes,
  };
}

const vgpuRoutes: (Route | undefined)[] = [];
const globalRoutes: (Route | undefined)[] = [];
for (const [name, handler] of Object.entries(handlers)) {
  const def = commands[name as keyof typeof commands] as unknown as AnyCommand;
  // Each handler is held against its own command's types where it is written; here they are all alike.
  const route = makeRoute(def, handler as unknown as Route['handle']);
  if (def.channel === 'vgpu') vgpuRoutes[def.id] = route;
  else globalRoutes[def.id - FIRST_GLOBAL_ID] = route;
}

/** The route of a message; undefined for commands that no guest sends. */
export function findRoute(header: CommandHeader): Route | undefined {
  if (header.channelType === CommandChannelType.vgpuToHost) return vgpuRoutes[header.commandType];
  if (header.channelType !== CommandChannelType.vmToHost) return undefined;
  return globalRoutes[header.commandType - FIRST_GLOBAL_ID];
}
