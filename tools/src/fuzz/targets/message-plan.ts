import {
  type CommandDef,
  commands,
  type FieldNode,
  type StructType,
  type Tail,
  type ValueNode,
} from '@dxgwire/protocol';

/** Where the parts of a message lie that a plausible sender fills with care. */

/** What kind of object a handle field means; `any` where the message alone does not say. */
export type HandleKind =
  | 'adapter'
  | 'device'
  | 'context'
  | 'hwqueue'
  | 'allocation'
  | 'resource'
  | 'pagingQueue'
  | 'sync'
  | 'global'
  | 'nt'
  | 'process'
  | 'any';

const KINDS: Readonly<Record<string, HandleKind>> = {
  adapter: 'adapter',
  hostHandle: 'adapter',
  hostAdapterHandle: 'adapter',
  device: 'device',
  deviceHandle: 'device',
  context: 'context',
  contexts: 'context',
  broadcastContext: 'context',
  hwqueue: 'hwqueue',
  hwqueueProgressFence: 'sync',
  resource: 'resource',
  allocations: 'allocation',
  allocation: 'allocation',
  historyBuffers: 'allocation',
  writtenPrimaries: 'allocation',
  pagingQueue: 'pagingQueue',
  syncObject: 'sync',
  fenceObject: 'sync',
  objects: 'sync',
  sharedHandle: 'nt',
  globalShare: 'global',
  globalSyncObject: 'global',
  hprocess: 'process',
};

export type Slot =
  | { readonly what: 'handle'; readonly offset: number; readonly kind: HandleKind }
  | { readonly what: 'count'; readonly offset: number; readonly key: string }
  | { readonly what: 'word'; readonly offset: number; readonly choices: readonly number[] }
  | { readonly what: 'long'; readonly offset: number }
  | { readonly what: 'byte'; readonly offset: number };

export interface TailPlan {
  readonly elementBytes: number;
  /** Slots of one element, or of one handle or number. */
  readonly slots: readonly Slot[];
  /** The count field that says how many there are; null where the length does. */
  readonly count: string | null;
  /** Elements that there are even when the count field says 0. */
  readonly least: number;
  /** Index of the tail that has as many elements, or this one has none. */
  readonly like: number | null;
}

export interface MessagePlan {
  readonly def: CommandDef;
  readonly isGlobal: boolean;
  /** Of the fixed part, from the body's start. */
  readonly slots: readonly Slot[];
  readonly fixedBytes: number;
  readonly tails: readonly TailPlan[];
  /** Handles in the reply: offsets in the payload. */
  readonly made: readonly { readonly offset: number; readonly kind: HandleKind }[];
}

function slotsOf(nodes: readonly ValueNode[], base: number): Slot[] {
  return nodes.flatMap((node): Slot[] => {
    if (node.node === 'field') return fieldSlots(node, base);
    if (node.node === 'count') return [{ what: 'count', offset: base + node.offset, key: node.key }];
    if (node.node === 'choice') return node.alternatives.flatMap((field) => fieldSlots(field, base));
    return [];
  });
}

function fieldSlots({ key, offset, type }: FieldNode, base: number): Slot[] {
  const at = base + offset;
  if (type.kind === 'struct') return slotsOf(type.nodes, at);
  if (type.kind === 'array') {
    const step = type.sizeBytes / type.count;
    return Array.from({ length: type.count }, (_, index): Slot => {
      const place = at + index * step;
      if (type.element.meaning === 'handle')
        return { what: 'handle', offset: place, kind: KINDS[key] ?? 'any' };
      return step === 8 ? { what: 'long', offset: place } : { what: 'word', offset: place, choices: [] };
    });
  }
  if (type.kind !== 'scalar') return [];
  if (type.meaning === 'handle') return [{ what: 'handle', offset: at, kind: KINDS[key] ?? 'any' }];
  if (type.sizeBytes === 8) return [{ what: 'long', offset: at }];
  if (type.sizeBytes < 4) return [{ what: 'byte', offset: at }];
  const bits = type.flags?.readings.flat().map(({ shift }) => (1 << shift) >>> 0) ?? [];
  const choices = type.enumeration === undefined ? bits : Object.values(type.enumeration.values);
  return [{ what: 'word', offset: at, choices }];
}

function tailPlan(key: string, tail: Tail, keys: readonly string[]): TailPlan {
  const least = tail.count.from === 'field' && tail.count.atLeastOne ? 1 : 0;
  const like = tail.count.from === 'length' ? keys.indexOf(tail.count.of) : null;
  const count = tail.count.from === 'field' ? (tail.count.path.split('.').at(-1) ?? null) : null;
  const { elementBytes } = tail;
  if (tail.kind === 'structs')
    return { elementBytes, count, least, like, slots: slotsOf(tail.element.nodes, 0) };
  if (tail.kind === 'words') {
    const isHandle = tail.element.meaning === 'handle';
    const slot: Slot = isHandle
      ? { what: 'handle', offset: 0, kind: KINDS[key] ?? 'any' }
      : { what: 'word', offset: 0, choices: [] };
    return { elementBytes, count, least, like, slots: [slot] };
  }
  return {
    elementBytes,
    count,
    least,
    like,
    slots: tail.kind === 'longs' ? [{ what: 'long', offset: 0 }] : [],
  };
}

function madeHandles(struct: StructType, base: number): MessagePlan['made'] {
  return slotsOf(struct.nodes, base).flatMap((slot) =>
    slot.what === 'handle' ? [{ offset: slot.offset, kind: slot.kind }] : [],
  );
}

function planOf(def: CommandDef): MessagePlan {
  const { message } = def.request!;
  const { headerBytes } = message;
  const made = [...madeHandles(def.reply!.message.struct, 0)];
  for (const [, tail] of def.reply!.message.tails) {
    // The first element's handle is enough to go on with.
    if (tail.kind === 'structs') made.push(...madeHandles(tail.element, def.reply!.message.fixedBytes));
  }
  return {
    def,
    isGlobal: def.channel === 'global',
    slots: slotsOf(message.struct.nodes, -headerBytes),
    fixedBytes: message.fixedBytes - headerBytes,
    tails: message.tails.map(([key, tail], _, tails) =>
      tailPlan(
        key,
        tail,
        tails.map(([name]) => name),
      ),
    ),
    made,
  };
}

/** A plan for each command that a guest sends. */
export const plans: readonly MessagePlan[] = (Object.values(commands) as CommandDef[])
  .filter((def) => def.sent && def.channel !== 'host')
  .map(planOf);

export function planNamed(name: string): MessagePlan {
  const plan = plans.find(({ def }) => def.name === name);
  if (plan === undefined) throw new Error(`no command ${name}`);
  return plan;
}
