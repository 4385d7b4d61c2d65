import { type HostGuestMemory, type HostWindow, PAGE_BYTES, type PageRange } from '@dxgwire/transport';
import type { AdapterEnvironment } from '../contract.ts';

/** What a backend under test is lent, with a look from the guest's side. */
export interface ComplianceEnvironment extends AdapterEnvironment {
  /** What the guest sees of the window: on a mirrored window only what was published. */
  readonly guestWindow: Uint8Array;
  /** Reasons given to `onLost`. */
  readonly losses: readonly string[];
  /** Called with the bytes that the backend says it is about to read, of guest memory or window. */
  onRead: ((bytes: Uint8Array) => void) | null;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Plain memory in this process: mapped, or mirrored with copies of its own on the guest's side. */
export function createPlainEnvironment(
  kind: 'mapped' | 'mirrored',
  windowBytes = 2 ** 20,
  guestBytes = 2 ** 20,
): ComplianceEnvironment {
  const losses: string[] = [];
  const noteRead = (bytes: Uint8Array): void => environment.onRead?.(bytes);
  const window = plainWindow(kind, windowBytes, noteRead);
  const environment: ComplianceEnvironment = {
    name: `compliance, ${kind}`,
    log: silent,
    memory: plainMemory(kind, guestBytes, noteRead),
    window: window.host,
    guestWindow: window.guest,
    losses,
    onLost: (reason) => losses.push(reason),
    onRead: null,
  };
  return environment;
}

function plainWindow(
  kind: 'mapped' | 'mirrored',
  lengthBytes: number,
  noteRead: (bytes: Uint8Array) => void,
): { host: HostWindow; guest: Uint8Array } {
  const bytes = new Uint8Array(lengthBytes);
  const guest = kind === 'mapped' ? bytes : new Uint8Array(lengthBytes);
  const view = new DataView(bytes.buffer);
  const publish = (offset: number, length: number): void => {
    if (kind === 'mirrored') guest.set(bytes.subarray(offset, offset + length), offset);
  };
  const host: HostWindow = {
    kind,
    lengthBytes,
    bytes,
    publish,
    noteRead: (offset, length) => noteRead(bytes.subarray(offset, offset + length)),
    storeU64: (offset, low, high) => {
      view.setUint32(offset, low, true);
      view.setUint32(offset + 4, high, true);
      publish(offset, 8);
    },
    shareable: () => null,
  };
  return { host, guest };
}

function plainMemory(
  kind: 'mapped' | 'mirrored',
  lengthBytes: number,
  noteRead: (bytes: Uint8Array) => void,
): HostGuestMemory {
  const bytes = new Uint8Array(Math.ceil(lengthBytes / PAGE_BYTES) * PAGE_BYTES);
  const gpadls = new Map<number, readonly PageRange[]>();
  return {
    kind,
    gpadl: (id) => gpadls.get(id) ?? null,
    contains: (address, length) => address >= 0 && address + length <= bytes.length,
    view: (address, length) => bytes.subarray(address, address + length),
    fetch: async () => {},
    noteRead: (address, length) => noteRead(bytes.subarray(address, address + length)),
    publish: () => {},
    shareable: () => null,
  };
}
