import { type CommandDef, commands, type Message, type ValueNode } from '@dxgwire/protocol';
import type { WireCommand } from './wire/command.ts';

/** Counts what a run has exercised: `n of m`, and what is missing. */
export interface CoverageCount {
  readonly name: string;
  readonly covered: number;
  readonly total: number;
  readonly missing: readonly string[];
}

interface Leaf {
  readonly path: string;
  /** Bytes of the message (its arrays behind the fixed part count as one place). */
  readonly offset: number;
  readonly end: number;
}

interface Entry {
  readonly name: string;
  readonly request: readonly Leaf[];
  readonly reply: readonly Leaf[];
  readonly failure: string;
}

/** Nothing that a guest may say makes it fail; no Linux guest sends it. */
const CANNOT_FAIL = 'IsFeatureEnabledGlobal';

/** The leaves of a message by the command table; each array behind the fixed part is one. */
function leavesOf(message: Message): Leaf[] {
  const leaves: Leaf[] = [];
  const walk = (nodes: readonly ValueNode[], base: number, prefix: string): void => {
    for (const node of nodes) {
      if (node.node === 'choice') walk(node.alternatives, base + 0, prefix);
      else if (node.node === 'bits') {
        const offset = base + node.placement.byteOffset;
        leaves.push({ path: prefix + node.key, offset, end: offset + node.placement.unitBytes });
      } else if (node.node === 'count') {
        leaves.push({ path: prefix + node.key, offset: base + node.offset, end: base + node.offset + 4 });
      } else {
        const { type } = node;
        const offset = base + node.offset;
        if (type.kind === 'struct') walk(type.nodes, offset, `${prefix}${node.key}.`);
        else leaves.push({ path: prefix + node.key, offset, end: offset + type.sizeBytes });
      }
    }
  };
  walk(message.struct.nodes, 0, '');
  for (const [key] of message.tails)
    leaves.push({ path: `${key}[]`, offset: message.fixedBytes, end: Infinity });
  return leaves;
}

/** What of the command table a run has touched. The table decides what is counted, not what is right. */
export class Coverage {
  readonly #entries = new Map<string, Entry>();
  readonly #sent = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #fields = new Set<string>();
  readonly #examined = new Set<string>();

  constructor() {
    for (const def of Object.values(commands) as CommandDef[]) {
      if (def.request === null || def.reply === null) continue;
      this.#entries.set(def.name, {
        name: def.name,
        request: leavesOf(def.request.message as Message),
        reply: leavesOf(def.reply.message as Message),
        failure: def.failure,
      });
    }
  }

  /** A message that was sent: each field that is not zero in it counts. */
  send(command: WireCommand, bytes: Uint8Array, headerAt: number): void {
    this.#sent.add(command.name);
    for (const leaf of this.#entries.get(command.name)?.request ?? []) {
      const from = headerAt + leaf.offset;
      const part = bytes.subarray(from, Math.min(headerAt + leaf.end, bytes.length));
      if (part.some((byte) => byte !== 0)) this.#fields.add(`${command.name}.${leaf.path}`);
    }
  }

  answer(command: WireCommand): void {
    this.#answered.add(command.name);
  }

  /** The command failed, and did so by its convention. */
  fail(command: WireCommand): void {
    this.#failed.add(command.name);
  }

  /** A check looked at the field of an answer at this offset. */
  examine(command: WireCommand, offset: number): void {
    for (const leaf of this.#entries.get(command.name)?.reply ?? []) {
      if (offset >= leaf.offset && offset < leaf.end) this.#examined.add(`${command.name}.${leaf.path}`);
    }
  }

  /** `commands`, `request fields`, `answer fields`, `failure conventions`. */
  counts(): CoverageCount[] {
    const entries = [...this.#entries.values()];
    const names = entries.map(({ name }) => name);
    const of = (name: string, all: readonly string[], done: ReadonlySet<string>): CoverageCount => {
      const missing = all.filter((entry) => !done.has(entry));
      return { name, covered: all.length - missing.length, total: all.length, missing };
    };
    const requests = entries.flatMap(({ name, request }) => request.map(({ path }) => `${name}.${path}`));
    const replies = entries.flatMap(({ name, reply }) => reply.map(({ path }) => `${name}.${path}`));
    const both = new Set(names.filter((name) => this.#sent.has(name) && this.#answered.has(name)));
    return [
      of('commands (request and answer)', names, both),
      of('request fields', requests, this.#fields),
      of('answer fields', replies, this.#examined),
      of(
        'failure conventions',
        entries
          .filter(({ name, failure }) => failure !== 'none' && name !== CANNOT_FAIL)
          .map(({ name }) => name),
        this.#failed,
      ),
    ];
  }
}
