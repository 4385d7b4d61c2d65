import type { AdapterCaps } from '@dxgwire/protocol/blobs';
import type { AdapterInfo } from '../kmt/types/adapter.ts';

/** What a program can ask of an adapter. */
export interface AdapterChoice {
  readonly powerPreference: GPUPowerPreference | undefined;
  readonly forceFallbackAdapter: boolean;
}

/**
 * Which adapter of the host to use: its index, its LUID (`high:low` in hexadecimal, with or without leading zeros), or a
 * part of its name.
 */
export type AdapterSelector = number | string;

/** An adapter of the host that our backend drives. */
export interface FoundAdapter {
  readonly info: Pick<AdapterInfo, 'adapterHandle' | 'adapterLuid'>;
  readonly caps: AdapterCaps;
  /** The host tells of answers by itself: `Feature.returnEvents`. */
  readonly returnEvents: boolean;
}

/** The adapter that fits best what the program asks and the user selected, or why none of them does. */
export function chooseAdapter(
  adapters: readonly FoundAdapter[],
  choice: AdapterChoice,
  selector: AdapterSelector | undefined,
): FoundAdapter | string {
  const isFit = ({ caps }: FoundAdapter): boolean =>
    !choice.forceFallbackAdapter || caps.info.isFallbackAdapter;
  if (selector !== undefined) {
    const selected = adapters.find((adapter, index) => isSelected(adapter, index, selector));
    if (selected === undefined) return `the host has no adapter "${selector}"; it has ${list(adapters)}`;
    return isFit(selected) ? selected : `"${selector}" is no fallback adapter, which the program asks for`;
  }
  const candidates = adapters.filter(isFit);
  const best = candidates.find(({ caps }) => !caps.info.isFallbackAdapter) ?? candidates[0];
  return best ?? 'the host has no fallback adapter, which the program asks for';
}

function isSelected({ info, caps }: FoundAdapter, index: number, selector: AdapterSelector): boolean {
  if (typeof selector === 'number') return index === selector;
  const { adapterLuid } = info;
  const [, high, low] = /^(?:0x)?([0-9a-f]{1,8}):(?:0x)?([0-9a-f]{1,8})$/i.exec(selector) ?? [];
  if (high !== undefined && low !== undefined) {
    const isHigh = Number.parseInt(high, 16) >>> 0 === adapterLuid.high >>> 0;
    return isHigh && Number.parseInt(low, 16) >>> 0 === adapterLuid.low >>> 0;
  }
  const wanted = selector.toLowerCase();
  const names = [caps.info.description, caps.info.device, caps.info.vendor];
  return names.some((name) => name.toLowerCase().includes(wanted));
}

function list(adapters: readonly FoundAdapter[]): string {
  const text = adapters.map(({ info: { adapterLuid }, caps }, index) => {
    const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
    return `${index}: ${caps.info.description} (LUID ${hex(adapterLuid.high)}:${hex(adapterLuid.low)})`;
  });
  return text.join('; ') || 'none';
}
