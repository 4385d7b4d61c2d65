import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A member of an interface of the WebGPU standard. */
export interface Member {
  readonly name: string;
  readonly kind: 'attribute' | 'method' | 'constant';
}

/** An interface of the standard with its own and its inherited members. */
export interface Interface {
  readonly name: string;
  readonly members: readonly Member[];
}

interface Declared {
  readonly parents: string[];
  readonly members: Member[];
}

/** Namespaces of constants. */
const CONSTANTS = /^GPU(BufferUsage|ColorWrite|MapMode|ShaderStage|TextureUsage)$/;

/** The mark by which `@webgpu/types` tells interfaces of the same shape apart. */
const BRAND = '__brand';

/** What set-like interfaces have. */
const SETLIKE: readonly Member[] = [
  { name: 'size', kind: 'attribute' },
  { name: 'has', kind: 'method' },
  { name: 'forEach', kind: 'method' },
  { name: 'entries', kind: 'method' },
  { name: 'keys', kind: 'method' },
  { name: 'values', kind: 'method' },
];

/** All interfaces of the standard, as `@webgpu/types` declares them, by name. */
export function standardInterfaces(): Interface[] {
  const path = createRequire(import.meta.url).resolve('@webgpu/types/dist/index.d.ts');
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const declared = parse(text);
  const collect = (name: string): Member[] => {
    const found = declared.get(name);
    return found === undefined ? [] : [...found.members, ...found.parents.flatMap(collect)];
  };
  const interfaces = [...text.matchAll(/^declare var (\w+)/gm)].map(([, name = '']) => {
    const members = new Map(collect(name).map((member) => [member.name, member]));
    members.delete(BRAND);
    return { name, members: [...members.values()].map((member) => asConstant(name, member)) };
  });
  const sets = [...text.matchAll(/^type (\w+) =\s+ReadonlySet<string>/gm)].map(([, name = '']) => {
    return { name, members: SETLIKE };
  });
  const navigator = { name: 'NavigatorGPU', members: collect('NavigatorGPU') };
  return [...interfaces, ...sets, navigator].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function asConstant(name: string, member: Member): Member {
  return CONSTANTS.test(name) ? { ...member, kind: 'constant' } : member;
}

function parse(text: string): Map<string, Declared> {
  const found = new Map<string, Declared>();
  for (const [, name = '', heritage = '', body = ''] of text.matchAll(
    /^interface (\w+)\s*(?:extends([^{]*))?(?:\{\}|\{\n([\s\S]*?)^\})/gm,
  )) {
    const known = found.get(name) ?? { parents: [], members: [] };
    known.parents.push(...heritage.split(',').map((parent) => parent.trim()));
    for (const [, member = '', sign] of body.matchAll(/^ {2}(?:readonly )?(\w+)\??([(:<])/gm)) {
      known.members.push({ name: member, kind: sign === ':' ? 'attribute' : 'method' });
    }
    found.set(name, known);
  }
  return found;
}
