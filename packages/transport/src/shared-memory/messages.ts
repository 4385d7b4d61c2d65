import { TransportError } from '../errors.ts';
import type { GuestMessage, HostMessage } from '../mock-vmbus/control.ts';
import type { MemoryFileName } from './memory-file.ts';

/** The first message of a guest. */
export interface HelloMessage {
  readonly type: 'hello';
  readonly version: number;
  readonly token: string;
  readonly name: string;
}

/** The host's answer. */
export interface WelcomeMessage {
  readonly type: 'welcome';
  readonly ram: MemoryFileName;
  readonly window: MemoryFileName;
  readonly heartbeatMs: number;
}

export interface RefusedMessage {
  readonly type: 'refused';
  readonly code: string;
  readonly reason: string;
}

/** The guest has mapped the memory. */
export interface MappedMessage {
  readonly type: 'mapped';
}

/** The host has started: what it offers at first has been posted. */
export interface StartedMessage {
  readonly type: 'started';
}

export type FromGuest = HelloMessage | MappedMessage | GuestMessage;
export type FromHost = WelcomeMessage | RefusedMessage | StartedMessage | HostMessage;

/** A field's kind, a list of one kind, a kind or null, or an object. */
type Shape =
  | 'u32'
  | 'safe'
  | 'text'
  | 'bytes'
  | readonly [Shape]
  | { readonly orNull: Shape }
  | { readonly fields: Fields };
type Fields = Readonly<Record<string, Shape>>;

const reason = { orNull: { fields: { code: 'text', message: 'text' } } } as const;
const file = { fields: { path: 'text', inode: 'safe', lengthBytes: 'safe' } } as const;
const offer = {
  fields: { index: 'u32', classGuid: 'bytes', instanceGuid: 'bytes', mmioMegabytes: 'u32' },
} as const;
const pci = { orNull: { fields: { vendorId: 'u32', deviceId: 'u32', config: 'bytes' } } } as const;

const FROM_GUEST: Readonly<Record<FromGuest['type'], Fields>> = {
  hello: { version: 'u32', token: 'text', name: 'text' },
  mapped: {},
  open: { channel: 'u32', gpadl: 'u32', downstreamPageOffset: 'u32' },
  close: { channel: 'u32', reason },
  gpadl: { gpadl: 'u32', ranges: [{ fields: { address: 'safe', length: 'safe' } }] },
  'gpadl-teardown': { gpadl: 'u32' },
  'pci-write': { channel: 'u32', offset: 'u32', value: 'u32' },
  end: { reason },
};

const FROM_HOST: Readonly<Record<FromHost['type'], Fields>> = {
  welcome: { ram: file, window: file, heartbeatMs: 'u32' },
  refused: { code: 'text', reason: 'text' },
  started: {},
  offer: { offer, pci },
  rescind: { channel: 'u32' },
  opened: { channel: 'u32', reason },
  close: { channel: 'u32', reason },
  'gpadl-created': { gpadl: 'u32', reason },
  'gpadl-torn-down': { gpadl: 'u32' },
  'pci-config': { channel: 'u32', config: 'bytes' },
  end: { reason },
};

/** Checks what a guest has sent, field by field. @throws TransportError `bad-frame`. */
export function checkFromGuest(value: unknown): FromGuest {
  return check(value, FROM_GUEST) as FromGuest;
}

/** Checks what a host has sent, field by field. @throws TransportError `bad-frame`. */
export function checkFromHost(value: unknown): FromHost {
  return check(value, FROM_HOST) as FromHost;
}

function check(value: unknown, table: Readonly<Record<string, Fields>>): unknown {
  const type = isObject(value) && typeof value['type'] === 'string' ? value['type'] : '';
  const fields = Object.hasOwn(table, type) ? table[type] : undefined;
  if (fields === undefined || !hasShape(value, { fields })) {
    throw new TransportError('bad-frame', `a malformed message '${type.slice(0, 40)}'`);
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function hasShape(value: unknown, shape: Shape): boolean {
  switch (shape) {
    case 'u32':
      return typeof value === 'number' && value >>> 0 === value;
    case 'safe':
      return Number.isSafeInteger(value) && (value as number) >= 0;
    case 'text':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
    default:
      break;
  }
  if (Array.isArray(shape))
    return Array.isArray(value) && value.every((entry) => hasShape(entry, shape[0] as Shape));
  if ('orNull' in shape) return value === null || hasShape(value, shape.orNull as Shape);
  const { fields } = shape as { readonly fields: Fields };
  return isObject(value) && Object.entries(fields).every(([name, entry]) => hasShape(value[name], entry));
}
