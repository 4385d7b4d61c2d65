import type { AdapterCaps } from '@dxgwire/protocol/blobs';
import { ops } from '@dxgwire/protocol/stream';
import { isCommandError } from '../kmt/index.ts';
import { type GPUDevice, makeDevice } from './device.ts';
import type { DeviceCore } from './device-core.ts';
import { type GPUError, operationError } from './errors.ts';
import { deviceFeatures, GPUAdapterInfo, GPUSupportedFeatures } from './features.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { defaultLimits, deviceLimits, GPUSupportedLimits, type Limits, limitNames } from './limits.ts';
import {
  type Converter,
  dictionary,
  domString,
  labelMember,
  record,
  sequence,
  u64,
  withEmpty,
} from './webidl.ts';

/** What an adapter of the host is to its GPUAdapter. */
export interface AdapterSource {
  readonly caps: AdapterCaps;
  /** Makes the D3DKMT objects of a device: what is created on it is up to the caller. */
  openCore(label: string): Promise<DeviceCore>;
  /** Called with errors that neither a scope nor a listener took. */
  readonly report: (error: GPUError) => void;
}

const limitValue: Converter<number | undefined> = (value, what) =>
  value === undefined ? undefined : u64(value, what);

const emptyDictionary = (): object => ({});

const deviceDescriptor = dictionary(
  'GPUDeviceDescriptor',
  {
    requiredFeatures: withEmpty(sequence(domString), () => []),
    requiredLimits: withEmpty(record(domString, limitValue), emptyDictionary),
    defaultQueue: withEmpty(dictionary('GPUQueueDescriptor', {}, labelMember), emptyDictionary),
  },
  labelMember,
);

interface AdapterState {
  readonly source: AdapterSource;
  readonly features: ReadonlySet<string>;
  readonly limits: Limits;
  /** Asked for with the feature level "compatibility": its devices lack the core features unless they ask for them. */
  readonly isCompatibility: boolean;
  /** It has given a device: the standard allows one. */
  consumed: boolean;
}

/** GPUAdapter */
export class GPUAdapter {
  readonly #state: AdapterState;
  readonly #features: GPUSupportedFeatures;
  readonly #limits: GPUSupportedLimits;
  readonly #info: GPUAdapterInfo;
  constructor(key: typeof CONSTRUCT, state: AdapterState) {
    guardConstructor(key, 'GPUAdapter');
    this.#state = state;
    this.#features = new GPUSupportedFeatures(CONSTRUCT, state.features);
    this.#limits = new GPUSupportedLimits(CONSTRUCT, state.limits);
    this.#info = new GPUAdapterInfo(CONSTRUCT, state.source.caps.info);
  }
  get features(): GPUSupportedFeatures {
    return this.#features;
  }
  get limits(): GPUSupportedLimits {
    return this.#limits;
  }
  get info(): GPUAdapterInfo {
    return this.#info;
  }
  requestDevice(descriptor: unknown = undefined): Promise<GPUDevice> {
    try {
      return requestDevice(this.#state, descriptor);
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
defineInterface(GPUAdapter, 'GPUAdapter');

/** A new GPUAdapter, which has given no device yet. */
export function makeAdapter(source: AdapterSource, isCompatibility: boolean): GPUAdapter {
  const limits = defaultLimits(true);
  for (const name of limitNames) limits[name] = source.caps.limits[name] ?? limits[name];
  return new GPUAdapter(CONSTRUCT, {
    source,
    features: new Set(source.caps.features),
    limits,
    isCompatibility,
    consumed: false,
  });
}

async function requestDevice(state: AdapterState, descriptor: unknown): Promise<GPUDevice> {
  const values = deviceDescriptor(descriptor, 'GPUDeviceDescriptor', null);
  for (const feature of values.requiredFeatures) {
    if (!state.features.has(feature)) {
      throw new TypeError(`requestDevice: the adapter does not have the feature ${JSON.stringify(feature)}`);
    }
  }
  if (state.consumed) {
    throw operationError('requestDevice: the adapter is consumed: it has given a device already');
  }
  const features = deviceFeatures(state.features, values.requiredFeatures, state.isCompatibility);
  const limits = deviceLimits(state.limits, values.requiredLimits, features.has('core-features-and-limits'));
  if (typeof limits === 'string') throw operationError(`requestDevice: ${limits}`);
  state.consumed = true;
  const { source } = state;
  const core = await source.openCore(values.label).catch((error: unknown) => {
    // The host refuses: it has no room for one more, say.
    throw isCommandError(error) ? operationError(`requestDevice: ${error.message}`) : error;
  });
  const queueLabel = values.defaultQueue.label;
  const granted = await createBackendDevice(core, {
    label: values.label,
    queueLabel,
    requiredFeatures: [...features],
    requiredLimits: Object.entries(limits).map(([name, value]) => ({ name, value })),
  });
  core.features = granted?.features ?? features;
  core.limits = { ...limits, ...granted?.limits };
  const shown = core.limits as Limits;
  const { report } = source;
  return makeDevice({
    core,
    label: values.label,
    queueLabel,
    features: core.features,
    limits: shown,
    adapterInfo: new GPUAdapterInfo(CONSTRUCT, source.caps.info),
    report,
  });
}

interface Granted {
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * Makes the device in the backend: the only record of its submission.
 * @returns what it really has, or null when it was lost before it could say so.
 */
function createBackendDevice(
  core: DeviceCore,
  values: {
    label: string;
    queueLabel: string;
    requiredFeatures: string[];
    requiredLimits: { name: string; value: number }[];
  },
): Promise<Granted | null> {
  return core.ask<Granted | null, 'device'>(
    'device',
    (requestId) => {
      core.outbox.flush();
      ops.createDevice(core.writer, { requestId, ...values });
      core.outbox.flush();
    },
    (resolve, reject) => ({
      done: (result) => {
        if (result.ok) {
          const limits = Object.fromEntries(result.limits.map(({ name, value }) => [name, value]));
          resolve({ features: new Set(result.features), limits });
          return;
        }
        const { errorName, message } = result;
        reject(errorName === 'TypeError' ? new TypeError(message) : operationError(message));
        core.lose('unknown', message);
      },
      lost: () => resolve(null),
    }),
  );
}
