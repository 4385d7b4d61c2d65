import { Codec, type HostBus } from '@dxgwire/transport';
import { describeError } from './log.ts';

/**
 * The bus as a host uses it: packets in packed form, whatever was agreed with the guest. Protobuf is loaded only where it
 * is spoken; the guest is let in when that is done.
 *
 * @throws RangeError for a codec that this host does not speak.
 */
export function withAgreedCodec(bus: HostBus): HostBus {
  const codec = bus.codec ?? Codec.packed;
  if (codec === Codec.packed) return bus;
  if (codec !== Codec.protobuf) {
    throw new RangeError(`the bus carries commands as '${codec}'; this host speaks packed and protobuf`);
  }
  let onChannelOpen: HostBus['onChannelOpen'] = null;
  let isEnded = false;
  const start = (): void => {
    import('@dxgwire/protocol/protobuf').then(
      ({ protobufHostBus }) => {
        if (isEnded) return;
        protobufHostBus(bus).onChannelOpen = (channel) => onChannelOpen?.(channel);
        try {
          bus.start();
        } catch {
          // It has ended meanwhile, and has told so.
        }
      },
      (error: unknown) => bus.abort(new Error(`protobuf cannot be loaded: ${describeError(error)}`)),
    );
  };
  const end = <Args extends unknown[], Result>(how: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      isEnded = true;
      return how.apply(bus, args);
    };
  };
  const own: Readonly<Record<string | symbol, unknown>> = {
    start,
    codec: Codec.packed,
    close: end(bus.close),
    abort: end(bus.abort),
  };
  return new Proxy(bus, {
    get(target, key) {
      if (key === 'onChannelOpen') return onChannelOpen;
      if (Object.hasOwn(own, key)) return own[key];
      const value: unknown = Reflect.get(target, key, target);
      const isMethod = typeof value === 'function' && !String(key).startsWith('on');
      return isMethod ? value.bind(target) : value;
    },
    set(target, key, value: unknown) {
      if (key !== 'onChannelOpen') return Reflect.set(target, key, value, target);
      onChannelOpen = value as HostBus['onChannelOpen'];
      return true;
    },
  });
}
