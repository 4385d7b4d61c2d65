import { Codec, type GuestBus } from '@dxgwire/transport';

/**
 * The bus as the driver uses it: packets in packed form, whatever was agreed with the host. Protobuf is loaded only where
 * it is spoken.
 *
 * @throws RangeError for a codec that this driver does not speak.
 */
export async function withAgreedCodec(bus: GuestBus): Promise<GuestBus> {
  const codec = bus.codec ?? Codec.packed;
  if (codec === Codec.packed) return bus;
  if (codec !== Codec.protobuf) {
    throw new RangeError(`the bus carries commands as '${codec}'; this driver speaks packed and protobuf`);
  }
  const { protobufGuestBus } = await import('@dxgwire/protocol/protobuf');
  return protobufGuestBus(bus);
}
