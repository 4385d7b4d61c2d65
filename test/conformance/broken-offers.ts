import type { GuestBus, HostBus } from '@dxgwire/transport';

type Offer = Parameters<HostBus['offer']>[0];
type Change = (offer: Offer) => readonly Offer[];

/** One way in which what a host offers is wrong. */
export interface OfferFault {
  readonly name: string;
  readonly change?: Change;
  /** Where our own bus would refuse such an offer: what a guest sees on another. */
  readonly see?: (bus: GuestBus) => GuestBus;
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

function withWord(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint32(at, value, true);
  return copy;
}

const isGlobal = ({ mmioMegabytes }: Offer): boolean => mmioMegabytes > 0;

function onGlobal(change: Change): Change {
  return (offer) => (isGlobal(offer) ? change(offer) : [offer]);
}

function onPci(change: (pci: NonNullable<Offer['pci']>) => NonNullable<Offer['pci']>): Change {
  return (offer) => (offer.pci === undefined ? [offer] : [{ ...offer, pci: change(offer.pci) }]);
}

/** Writes a byte of configuration space whenever the guest writes there. */
function onConfigWrite(wanted: number, at: number): Change {
  return onPci((pci) => ({
    ...pci,
    onWrite(offset, value) {
      if (offset === wanted) pci.config[at] = (pci.config[at] ?? 0) ^ 0xff;
      pci.onWrite(offset, value);
    },
  }));
}

/** A guest's bus whose offers look other than they are. */
function seeOffers(change: (offers: GuestBus['offers']) => GuestBus['offers']): (bus: GuestBus) => GuestBus {
  return (bus) =>
    new Proxy(bus, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'offers') return change(value as GuestBus['offers']);
        return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value, target),
    });
}

export const offerFaults: readonly OfferFault[] = [
  {
    name: 'another class of the global channel',
    change: onGlobal((offer) => [{ ...offer, classGuid: flip(offer.classGuid, 3) }]),
  },
  {
    name: 'more IO space than there is',
    see: seeOffers((offers) =>
      offers.map((offer) => ({ ...offer, mmioMegabytes: offer.mmioMegabytes * 1000 })),
    ),
  },
  {
    name: 'the global channel twice',
    see: seeOffers((offers) => [...offers, ...offers.filter(({ mmioMegabytes }) => mmioMegabytes > 0)]),
  },
  {
    name: 'a virtual GPU without its function',
    see: seeOffers((offers) => [...offers, ...offers.filter(({ mmioMegabytes }) => mmioMegabytes === 0)]),
  },
  {
    name: 'virtual GPUs of one name',
    change: (offer) => {
      if (offer.pci === undefined) return [offer];
      const config = offer.pci.config.slice();
      const instanceGuid = offer.instanceGuid.slice();
      instanceGuid.fill(7, 0, 8);
      config.fill(7, 0xc0, 0xc8);
      return [{ ...offer, instanceGuid, pci: { ...offer.pci, config } }];
    },
  },
  { name: 'another vendor', change: onPci((pci) => ({ ...pci, vendorId: 0x8086 })) },
  { name: 'another device', change: onPci((pci) => ({ ...pci, deviceId: 0x1234 })) },
  {
    name: 'another instance in configuration space',
    change: onPci((pci) => ({ ...pci, config: flip(pci.config, 0xc1) })),
  },
  {
    name: 'interface version 3',
    change: onPci((pci) => ({ ...pci, config: withWord(pci.config, 0xd0, 3) })),
  },
  { name: 'a LUID that capabilities overwrite', change: onConfigWrite(0xd4, 0xd4) },
];

/** A bus whose host's offers are changed on their way. */
export function breakOffers(inner: HostBus, change: Change): HostBus {
  return new Proxy(inner, {
    get(target, key) {
      if (key === 'offer') {
        return (offer: Offer) => {
          let index: unknown;
          for (const each of change(offer)) index = target.offer(each);
          return index;
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}
