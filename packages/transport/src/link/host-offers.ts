import { TransportError } from '../errors.ts';
import { checkOffer } from '../offer.ts';
import { checkPciOffset, HostPciFunction } from '../pci.ts';
import type { ChannelOffer, HostOfferOptions } from '../transport.ts';

interface Offered {
  readonly offer: ChannelOffer;
  readonly pci: HostPciFunction | null;
}

/** The channels that a host offers, with their PCI functions. */
export class HostOffers {
  readonly #offered = new Map<number, Offered>();
  readonly #windowBytes: number;
  #nextIndex = 1;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** Takes an offer. @throws TransportError for one that cannot be. */
  add(options: HostOfferOptions): ChannelOffer {
    const index = this.#nextIndex;
    checkOffer(options, index, this.#windowBytes);
    this.#nextIndex += 1;
    const offer: ChannelOffer = {
      index,
      classGuid: options.classGuid.slice(),
      instanceGuid: options.instanceGuid.slice(),
      mmioMegabytes: options.mmioMegabytes,
    };
    const pci = options.pci === undefined ? null : new HostPciFunction(options.pci);
    this.#offered.set(index, { offer, pci });
    return offer;
  }

  /** Takes an offer back. @throws TransportError `out-of-range` when it is none. */
  remove(index: number): void {
    if (!this.#offered.delete(index)) {
      throw new TransportError('out-of-range', `channel ${index} is not offered`);
    }
  }

  has(index: number): boolean {
    return this.#offered.has(index);
  }

  /** Whether a channel is offered or ever was. */
  isKnown(index: number): boolean {
    return index < this.#nextIndex;
  }

  /** The guest writes to a channel's configuration space. @returns what that has changed, or null. */
  writePci(index: number, offset: number, value: number) {
    checkPciOffset(offset);
    return this.#offered.get(index)?.pci?.write(offset, value) ?? null;
  }

  /** One offer as messages carry it, or null. */
  wire(index: number) {
    const offered = this.#offered.get(index);
    return offered === undefined ? null : wireOffer(offered);
  }

  /** All of them as messages carry them. */
  wireAll() {
    return [...this.#offered.values()].map(wireOffer);
  }

  clear(): void {
    this.#offered.clear();
  }
}

function wireOffer({ offer, pci }: Offered) {
  const { index: channel, classGuid, instanceGuid, mmioMegabytes } = offer;
  if (pci === null) return { channel, classGuid, instanceGuid, mmioMegabytes, pci };
  const { vendorId, deviceId } = pci;
  return { channel, classGuid, instanceGuid, mmioMegabytes, pci: { vendorId, deviceId, config: pci.take() } };
}
