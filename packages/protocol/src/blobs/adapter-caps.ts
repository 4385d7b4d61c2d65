import { Packr } from 'msgpackr/pack';
import { Members } from './members.ts';

/** GPUAdapterInfo as data. */
export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  readonly isFallbackAdapter: boolean;
}

/** What QueryAdapterInfo(UMDRIVERPRIVATE) tells our WebGPU driver about an adapter of the webgpu backend. */
export interface AdapterCaps {
  readonly version: 1;
  /** Version of the command stream that the backend reads. */
  readonly streamVersion: number;
  readonly info: AdapterInfo;
  readonly features: readonly string[];
  /** By the names of GPUSupportedLimits; integers below 2^53. */
  readonly limits: Readonly<Record<string, number>>;
  readonly wgslLanguageFeatures: readonly string[];
  readonly preferredCanvasFormat?: string;
}

const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeAdapterCaps(caps: AdapterCaps): Uint8Array {
  return new Uint8Array(packr.pack(caps));
}

/** @throws ProtocolError `bad-blob`. */
export function decodeAdapterCaps(bytes: Uint8Array): AdapterCaps {
  const members = Members.decode(bytes, 'adapter caps');
  members.integer('version', 1);
  const info = members.map('info');
  const limits = members.map('limits');
  const limitValues: Record<string, number> = {};
  for (const name of limits.names()) limitValues[name] = limits.integer(name);
  const preferredCanvasFormat = members.optionalString('preferredCanvasFormat');
  return {
    version: 1,
    streamVersion: members.integer('streamVersion', 0xffff_ffff),
    info: {
      vendor: info.string('vendor'),
      architecture: info.string('architecture'),
      device: info.string('device'),
      description: info.string('description'),
      subgroupMinSize: info.integer('subgroupMinSize', 0xffff_ffff),
      subgroupMaxSize: info.integer('subgroupMaxSize', 0xffff_ffff),
      isFallbackAdapter: info.boolean('isFallbackAdapter'),
    },
    features: members.strings('features'),
    limits: limitValues,
    wgslLanguageFeatures: members.strings('wgslLanguageFeatures'),
    ...(preferredCanvasFormat === undefined ? {} : { preferredCanvasFormat }),
  };
}
