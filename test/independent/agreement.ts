import assert from 'node:assert/strict';
import type { Plain, PlainStruct } from './decoder.ts';

const camelNames = new Map<string, string>();

function camel(name: string): string {
  let made = camelNames.get(name);
  if (made === undefined) {
    made = name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    camelNames.set(name, made);
  }
  return made;
}

/** How many leaves were compared: a walk that compares nothing proves nothing. */
export const tally = { compared: 0 };

/** Parts that the codec leaves as bytes. */
export const opaque = new Set<string>();

/** Names that the codec made up where the facts have only alternatives of a union. */
export const renamed = new Set<string>();

/** Walks the codec's value and looks up each part of it in what the plain decoder read. */
export function agree(value: unknown, plain: Plain | undefined, where: string): void {
  if (plain === undefined) {
    renamed.add(where);
    return;
  }
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    let other: Plain = plain;
    if (typeof other === 'object' && 'v' in other) other = other['v']!;
    else if (typeof other === 'object' && 'value' in other) other = other['value']!;
    else if (typeof other === 'object' && 'flags' in other) other = other['flags']!;
    if (typeof value === 'number' && typeof other === 'number') assert.equal(value >>> 0, other >>> 0, where);
    else if (typeof value === 'boolean')
      assert.equal(value, Boolean(other), where); // a bit, or a byte
    else assert.equal(value, other, where);
    tally.compared += 1;
    return;
  }
  if (typeof value === 'string') {
    const units = plain as number[];
    const end = units.indexOf(0);
    assert.equal(value, String.fromCharCode(...units.slice(0, end < 0 ? units.length : end)), where);
    tally.compared += 1;
    return;
  }
  if (value instanceof Uint8Array) {
    if (!(plain instanceof Uint8Array) && !Array.isArray(plain)) {
      opaque.add(where); // the codec hands it over as bytes, the facts give it members
      return;
    }
    assert.deepEqual([...value], [...(plain as Uint8Array)], where);
    tally.compared += 1;
    return;
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const items = [...(value as unknown as Iterable<unknown>)];
    const others = plain as Plain[];
    assert.equal(items.length, others.length, `${where}: length`);
    items.forEach((item, index) => {
      agree(item, others[index], `${where}[${index}]`);
    });
    return;
  }
  const members = plain as PlainStruct;
  if ('a' in members && 'b' in members && Object.keys(members).length === 2) {
    assert.deepEqual(value, { low: members['a'], high: members['b'] }, where);
    tally.compared += 1;
    return;
  }
  const byCamel = new Map(Object.entries(members).map(([name, member]) => [camel(name), member]));
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    if (member === undefined || name === 'rest') continue;
    agree(member, byCamel.get(name), `${where}.${name}`);
  }
}

/** Brings a value of the codec into the wire's order. Per-allocation private data stands as one blob on the wire and beside its allocation in the codec's value. */
export function asOnTheWire(name: string, body: Record<string, unknown>): Record<string, unknown> {
  if (name === 'SignalSyncObject') {
    // One of two members of a union: the flag enqueue_cpu_event (bit 1) says which.
    const { cpuEventHandle, device, ...rest } = body;
    return ((body['flags'] as number) & 2) !== 0 ? { ...rest, cpuEventHandle } : { ...rest, device };
  }
  if (name === 'SetGuestData') {
    // The codec gives the alternative that data_type does not name as zero.
    const { data32, data64, ...rest } = body;
    return body['dataType'] === 0 ? { ...rest, data32 } : { ...rest, data64 };
  }
  if (name !== 'CreateAllocation') return body;
  const result = { ...body };
  for (const list of ['allocInfo', 'allocationInfo']) {
    if (!(list in body)) continue;
    const items = body[list] as Record<string, unknown>[];
    result['allocPrivDrvData'] = new Uint8Array(
      Buffer.concat(items.map((item) => item['privDrvData'] as Uint8Array)),
    );
    result[list] = items.map(({ privDrvData: _, ...rest }) => rest);
  }
  return result;
}
