import { type GPUAdapter, makeAdapter } from './adapter.ts';
import type { AdapterChoice } from './adapter-choice.ts';
import { WGSLLanguageFeatures } from './features.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import type { Session } from './session.ts';
import { boolean, dictionary, domString, enumeration, optional, withDefault } from './webidl.ts';

const adapterOptions = dictionary('GPURequestAdapterOptions', {
  featureLevel: withDefault(domString, 'core'),
  powerPreference: optional(enumeration('GPUPowerPreference', ['low-power', 'high-performance'])),
  forceFallbackAdapter: withDefault(boolean, false),
  xrCompatible: withDefault(boolean, false),
});

/** GPU: what `navigator.gpu` is. */
export class GPU {
  readonly #session: Session;
  readonly #languageFeatures: WGSLLanguageFeatures;
  constructor(key: typeof CONSTRUCT, session: Session) {
    guardConstructor(key, 'GPU');
    this.#session = session;
    this.#languageFeatures = new WGSLLanguageFeatures(CONSTRUCT, session.languageFeatures);
  }
  requestAdapter(options: unknown = undefined): Promise<GPUAdapter | null> {
    try {
      return requestAdapter(this.#session, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  getPreferredCanvasFormat(): GPUTextureFormat {
    return this.#session.preferredCanvasFormat;
  }
  get wgslLanguageFeatures(): WGSLLanguageFeatures {
    return this.#languageFeatures;
  }
}
defineInterface(GPU, 'GPU');

async function requestAdapter(session: Session, options: unknown): Promise<GPUAdapter | null> {
  const { featureLevel, powerPreference, forceFallbackAdapter } = adapterOptions(
    options,
    'GPURequestAdapterOptions',
    null,
  );
  if (featureLevel !== 'core' && featureLevel !== 'compatibility') return null;
  const choice: AdapterChoice = { powerPreference, forceFallbackAdapter };
  const source = await session.requestAdapter(choice);
  return source === null ? null : makeAdapter(source, featureLevel === 'compatibility');
}
