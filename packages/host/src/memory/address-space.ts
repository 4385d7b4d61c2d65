import { PAGE_BYTES } from '@dxgwire/transport';
import { Account } from '../account.ts';
import type { AllocationView, BackendAllocation, MemoryRun, PageWalk } from '../backends/contract.ts';
import {
  type Mapping,
  type MappingKind,
  type MapRequest,
  PROTECTION_WRITE,
  type Region,
  type RegionKind,
  ReservationType,
  type ReserveRequest,
  type UpdateOperation,
} from './address-space-types.ts';
import type { AllocationInstance } from './allocation.ts';
import type { PageWalker, QueuedOperation } from './device-work.ts';
import {
  addressOf,
  END_ADDRESS,
  END_PAGE,
  FIRST_PAGE,
  guestPage,
  mappingKind,
  PAGE_MASK,
  PAGE_SHIFT,
  pageOf,
  pagesOf,
  partPages,
  protectionOf,
  RESERVATION_BYTES,
  RESERVATION_PAGES,
  targetOf,
  USUAL_FIRST_PAGE,
} from './gpu-address.ts';
import { RangeList } from './range-list.ts';
import { RegionMap } from './region-map.ts';
import { Status } from './status.ts';

/** Most mappings that one call may make; a repeated map makes many. */
const MAX_UPDATE_PIECES = 16_384;

/** What one queued update holds, bytes: an object of numbers of 64 bits. */
const UPDATE_BYTES = 256;

const HOST_ALLOCATION: BackendAllocation = {};

export interface AddressResult {
  status: number;
  virtualAddress: bigint;
}

/**
 * The GPU virtual addresses of one process on one virtual GPU: which are taken, what they lead to, and the page walk
 * that backends use. Works in page numbers, which are exact as numbers; pages are 4 KiB, reservations 64 KiB.
 */
export class AddressSpace implements PageWalker {
  readonly #regions: RegionMap;
  readonly #mappings: RangeList<Mapping>;
  readonly #held: Account;
  readonly #maxRegions: number;
  readonly #maxMappings: number;
  /** Of updates that are queued: what they will make at most. */
  #pendingMappings = 0;
  #pendingRegions = 0;
  /** Where the last free place was found: the next search starts behind it. */
  #nextPage = USUAL_FIRST_PAGE;

  /**
   * Looking for room takes time with the number of regions, so there may be fewer of them than of mappings.
   *
   * @param held where both count for the whole guest, with what queued updates will make.
   */
  constructor(maxMappings = 262_144, maxRegions = 65_536, held = new Account(Number.POSITIVE_INFINITY)) {
    this.#held = held;
    this.#regions = new RegionMap(held);
    this.#mappings = new RangeList(held);
    this.#maxMappings = maxMappings;
    this.#maxRegions = Math.min(maxRegions, maxMappings);
  }

  /** INVALID_PARAMETER for sizes, bounds or a place that cannot be; NO_MEMORY when there is no room. */
  reserve(request: ReserveRequest): AddressResult {
    const { size, baseAddress, reservationType } = request;
    const length = pagesOf(size, RESERVATION_BYTES);
    if (length < 1 || reservationType < 0 || reservationType > ReservationType.noCommit) {
      return failed(Status.invalidParameter);
    }
    if (this.#regions.size >= this.#maxRegions || !this.#held.hasRoomFor(1)) return failed(Status.noMemory);
    let start: number;
    if (baseAddress !== 0n) {
      if (baseAddress % BigInt(RESERVATION_BYTES) !== 0n) return failed(Status.invalidParameter);
      start = pageOf(baseAddress);
      if (start < FIRST_PAGE || start + length > END_PAGE || this.#regions.meets(start, start + length)) {
        return failed(Status.invalidParameter);
      }
    } else {
      start = this.#findFree(length, request.minimumAddress, request.maximumAddress);
      if (start < 0) return failed(start === -1 ? Status.noMemory : Status.invalidParameter);
    }
    this.#regions.insert({ start, end: start + length, kind: 'reserved', reservationType });
    return { status: Status.success, virtualAddress: addressOf(start) };
  }

  /** Takes effect at once. INVALID_PARAMETER, or NO_MEMORY when there is no room. */
  map(request: MapRequest): AddressResult {
    const { instance, baseAddress, protection } = request;
    const length = Number(request.sizeInPages);
    const offset = Number(request.offsetInPages);
    if (length < 1 || length > END_PAGE || offset < 0) return failed(Status.invalidParameter);
    const kind = mappingKind(instance, protection);
    if (kind === null) return failed(Status.invalidParameter);
    if (instance !== null && (!instance.alive || !fits(instance, offset, length))) {
      return failed(Status.invalidParameter);
    }
    if (this.#isFull) return failed(Status.noMemory);
    let start: number;
    if (baseAddress !== 0n) {
      if ((baseAddress & PAGE_MASK) !== 0n || baseAddress >= END_ADDRESS)
        return failed(Status.invalidParameter);
      start = pageOf(baseAddress);
      if (start < FIRST_PAGE || start + length > END_PAGE) return failed(Status.invalidParameter);
      if (!this.#takeFree(start, start + length)) return failed(Status.invalidParameter);
    } else {
      start = this.#findFree(length, request.minimumAddress, request.maximumAddress);
      if (start < 0) return failed(start === -1 ? Status.noMemory : Status.invalidParameter);
      this.#takeFree(start, start + length);
    }
    const writable = (protection & BigInt(PROTECTION_WRITE)) !== 0n;
    this.#setRange(start, start + length, kind, instance, offset, writable);
    return { status: Status.success, virtualAddress: addressOf(start) };
  }

  /**
   * Checks a list of updates and makes it an operation for a queue. As with `map`, free addresses may be mapped. When
   * the queue reaches it, an update whose range was freed, or whose allocation was destroyed, in the meantime is left
   * out; so is a copy of more mappings than one call may make.
   */
  prepareUpdate(operations: readonly UpdateOperation[]): {
    status: number;
    operation: QueuedOperation | null;
  } {
    let pieces = 0;
    let regions = 0;
    const wereTaken: boolean[] = [];
    for (const operation of operations) {
      const count = this.#checkUpdate(operation, MAX_UPDATE_PIECES - pieces);
      if (count < 0) return { status: Status.invalidParameter, operation: null };
      pieces += count;
      const [start, end] = targetOf(operation);
      const wasTaken = this.#regions.isGuests(start, end);
      if (!wasTaken) regions += 1;
      wereTaken.push(wasTaken);
    }
    // What is queued counts as if it were done: a queue may stand still while many updates come.
    const isTooMuch =
      pieces > MAX_UPDATE_PIECES ||
      this.#mappings.size + this.#pendingMappings + pieces > this.#maxMappings ||
      this.#regions.size + this.#pendingRegions + regions > this.#maxRegions ||
      !this.#held.hasRoomFor(pieces + regions);
    if (isTooMuch) return { status: Status.noMemory, operation: null };
    this.#pendingMappings += pieces;
    this.#pendingRegions += regions;
    this.#held.add(pieces + regions);
    const drop = (): void => {
      this.#pendingMappings -= pieces;
      this.#pendingRegions -= regions;
      this.#held.remove(pieces + regions);
    };
    const execute = (): void => {
      drop();
      let left = MAX_UPDATE_PIECES;
      operations.forEach((operation, index) => {
        left -= this.#applyUpdate(operation, wereTaken[index]!, left);
      });
    };
    const heldBytes = operations.length * UPDATE_BYTES;
    return { status: Status.success, operation: { heldBytes, execute, drop } };
  }

  /** Gives addresses back, at once; part of a reservation leaves the rest. INVALID_PARAMETER if any is not taken. */
  free(baseAddress: bigint, size: bigint): number {
    const length = pagesOf(size, PAGE_BYTES);
    if ((baseAddress & PAGE_MASK) !== 0n || baseAddress >= END_ADDRESS || length < 1) {
      return Status.invalidParameter;
    }
    const start = pageOf(baseAddress);
    const end = start + length;
    if (end > END_PAGE || !this.#regions.isGuests(start, end)) return Status.invalidParameter;
    this.#clearMappings(start, end);
    this.#clearRegions(start, end, null);
    return Status.success;
  }

  /** Gives a page of the device window a GPU address: read only. @returns 0 when there is no room. */
  mapFencePage(windowOffset: number): bigint {
    if (this.#isFull) return 0n;
    const start = this.#findFree(RESERVATION_PAGES, 0n, 0n);
    if (start < 0) return 0n;
    this.#regions.insert({ start, end: start + RESERVATION_PAGES, kind: 'host', reservationType: 0 });
    const view: AllocationView = {
      allocation: HOST_ALLOCATION,
      lengthBytes: PAGE_BYTES,
      storage: { kind: 'window', offset: windowOffset, length: PAGE_BYTES },
      resident: true,
    };
    this.#mappings.insert({
      start,
      end: start + 1,
      space: this,
      kind: 'host',
      instance: null,
      view,
      offsetPages: 0,
      writable: false,
    });
    return addressOf(start);
  }

  /** Takes back what {@link mapFencePage} gave. */
  unmapFencePage(address: bigint): void {
    const start = pageOf(address);
    const region = this.#regions.at(start);
    if (region === null || region.kind !== 'host' || region.start !== start) return;
    this.#clearMappings(region.start, region.end);
    this.#regions.remove(region);
  }

  walk(address: bigint, lengthBytes: number, access: 'read' | 'write'): PageWalk {
    if (lengthBytes === 0) return { ok: true, runs: [] };
    if (address < 0n || lengthBytes < 0 || address + BigInt(lengthBytes) > END_ADDRESS) {
      return { ok: false, faultAddress: address, reason: 'not-mapped' };
    }
    const runs: (MemoryRun | { readonly zero: true; readonly length: number })[] = [];
    // Below 2^47, so exact as a number.
    let position = Number(address);
    const end = position + lengthBytes;
    while (position < end) {
      const page = Math.floor(position / PAGE_BYTES);
      const mapping = this.#mappings.at(page);
      if (mapping === null) {
        const region = this.#regions.at(page);
        if (region === null || region.reservationType !== ReservationType.zero) {
          return { ok: false, faultAddress: BigInt(position), reason: 'not-mapped' };
        }
        const length = Math.min(end, this.#endOfUnmapped(page, region) * PAGE_BYTES) - position;
        runs.push({ zero: true, length });
        position += length;
        continue;
      }
      const length = Math.min(end, mapping.end * PAGE_BYTES) - position;
      if (mapping.kind === 'zero') {
        runs.push({ zero: true, length });
        position += length;
        continue;
      }
      const fault = faultOf(mapping, access);
      if (fault !== null) return { ok: false, faultAddress: BigInt(position), reason: fault };
      runs.push({
        view: mapping.instance === null ? mapping.view! : mapping.instance.allocation.view,
        offset: mapping.offsetPages * PAGE_BYTES + (position - mapping.start * PAGE_BYTES),
        length,
      });
      position += length;
    }
    return { ok: true, runs };
  }

  /** Takes out all mappings of an allocation's instance. What MAP had placed outside reservations becomes free. */
  unmapInstance(instance: AllocationInstance): void {
    for (const mapping of [...instance.mappings]) {
      if (mapping.space !== this) continue;
      this.#removeMapping(mapping);
      this.#clearRegions(mapping.start, mapping.end, 'mapped');
    }
  }

  /** The process is gone. */
  clear(): void {
    for (const mapping of this.#mappings) mapping.instance?.mappings.delete(mapping);
    this.#mappings.clear();
    this.#regions.clear();
  }

  census(): { reservations: number; mappings: number } {
    return { reservations: this.#regions.size, mappings: this.#mappings.size };
  }

  get #isFull(): boolean {
    return (
      this.#mappings.size >= this.#maxMappings ||
      this.#regions.size >= this.#maxRegions ||
      !this.#held.hasRoomFor(1)
    );
  }

  /** @returns a page, -1 for no room, -2 for bounds that make no sense. */
  #findFree(length: number, minimumAddress: bigint, maximumAddress: bigint): number {
    if (minimumAddress >= END_ADDRESS) return -2;
    if (maximumAddress !== 0n && maximumAddress <= minimumAddress) return -2;
    const from = Math.max(FIRST_PAGE, Math.ceil(Number(minimumAddress) / PAGE_BYTES));
    const to = maximumAddress === 0n || maximumAddress >= END_ADDRESS ? END_PAGE : pageOf(maximumAddress);
    let start = -1;
    if (from < this.#nextPage && this.#nextPage < to) {
      start = this.#regions.findGap(length, this.#nextPage, to, RESERVATION_PAGES);
    }
    if (start < 0) start = this.#regions.findGap(length, from, to, RESERVATION_PAGES);
    if (start >= USUAL_FIRST_PAGE) this.#nextPage = start + length;
    return start;
  }

  /** Makes the free parts of a range mapped regions. @returns false, with no effect, if some of it is the host's. */
  #takeFree(start: number, end: number): boolean {
    if (this.#regions.isGuests(start, end)) return true;
    if (this.#regions.meetsHost(start, end)) return false;
    let position = start;
    for (const region of this.#regions.collect(start, end)) {
      this.#insertMapped(position, region.start);
      position = region.end;
    }
    this.#insertMapped(position, end);
    return true;
  }

  #insertMapped(start: number, end: number): void {
    if (start < end) this.#regions.insert({ start, end, kind: 'mapped', reservationType: 0 });
  }

  #endOfUnmapped(page: number, region: Region): number {
    return this.#mappings.first(page, region.end)?.start ?? region.end;
  }

  #setRange(
    start: number,
    end: number,
    kind: MappingKind,
    instance: AllocationInstance | null,
    offsetPages: number,
    writable: boolean,
  ): void {
    this.#clearMappings(start, end);
    // Where unmapped pages are not readable, taking mappings out is all that no-access needs.
    if (kind === 'no-access' && !this.#regions.readsZero(start, end)) return;
    this.#insertMapping({ start, end, space: this, kind, instance, view: null, offsetPages, writable });
  }

  #insertMapping(mapping: Mapping): void {
    this.#mappings.insert(mapping);
    mapping.instance?.mappings.add(mapping);
  }

  #removeMapping(mapping: Mapping): void {
    this.#mappings.remove(mapping);
    mapping.instance?.mappings.delete(mapping);
  }

  #clearMappings(start: number, end: number): void {
    for (const mapping of this.#mappings.collect(start, end, [])) {
      this.#removeMapping(mapping);
      if (mapping.start < start) this.#insertMapping({ ...mapping, end: start });
      if (mapping.end > end) {
        const offsetPages = mapping.offsetPages + (end - mapping.start);
        this.#insertMapping({ ...mapping, start: end, offsetPages });
      }
    }
  }

  /** Frees a range of regions. @param kind only those of this kind; null for all. */
  #clearRegions(start: number, end: number, kind: RegionKind | null): void {
    for (const region of this.#regions.collect(start, end)) {
      if (kind !== null && region.kind !== kind) continue;
      this.#regions.remove(region);
      if (region.start < start) this.#regions.insert({ ...region, end: start });
      if (region.end > end) this.#regions.insert({ ...region, start: end });
    }
  }

  /** @returns how many mappings the operation makes, or a number above `most`; -1 when it is not valid. */
  #checkUpdate(operation: UpdateOperation, most: number): number {
    const [start, end] = targetOf(operation);
    const length = end - start;
    if (start < FIRST_PAGE || length < 1 || end > END_PAGE || this.#regions.meetsHost(start, end)) return -1;
    if (operation.kind === 1) {
      return operation.protection === 0n || mappingKind(null, operation.protection) !== null ? 1 : -1;
    }
    if (operation.kind === 2) {
      const source = guestPage(operation.sourceAddress);
      const sourceEnd = source + length;
      if (source < 0 || sourceEnd > END_PAGE || this.#regions.meetsHost(source, sourceEnd)) return -1;
      return this.#mappings.count(source, sourceEnd, most);
    }
    const { instance, allocationOffset, allocationSize } = operation;
    if (mappingKind(instance, protectionOf(operation)) === null) return -1;
    if (instance === null) return 1;
    if (!instance.alive || ((allocationOffset | allocationSize) & PAGE_MASK) !== 0n) return -1;
    const part = partPages(length, allocationSize);
    if (!fits(instance, Number(allocationOffset >> PAGE_SHIFT), part)) return -1;
    return Math.ceil(length / part);
  }

  /** @param most mappings that a copy may make. @returns how many it made. */
  #applyUpdate(operation: UpdateOperation, wasTaken: boolean, most: number): number {
    const [start, end] = targetOf(operation);
    const length = end - start;
    if (wasTaken ? !this.#regions.isGuests(start, end) : this.#regions.meetsHost(start, end)) return 0;
    if (operation.kind === 1) {
      const kind = operation.protection === 0n ? null : mappingKind(null, operation.protection);
      if (kind === null) this.#clearMappings(start, end);
      else if (wasTaken) this.#setRange(start, end, kind, null, 0, false);
    } else if (operation.kind === 2) {
      const source = guestPage(operation.sourceAddress);
      if (this.#regions.meetsHost(source, source + length)) return 0;
      const count = this.#mappings.count(source, source + length, most);
      // Its source may have got more since it was checked.
      const all = this.#mappings.size + this.#pendingMappings + count;
      if (count > most || all > this.#maxMappings || !this.#held.hasRoomFor(count)) return 0;
      this.#takeFree(start, end);
      this.#copy(source, start, length);
      return count;
    } else {
      const { instance, allocationOffset, allocationSize } = operation;
      const protection = protectionOf(operation);
      const kind = mappingKind(instance, protection)!;
      if (instance !== null && !instance.alive) return 0;
      this.#takeFree(start, end);
      const offset = Number(allocationOffset >> PAGE_SHIFT);
      const part = instance === null ? length : partPages(length, allocationSize);
      const writable = (protection & BigInt(PROTECTION_WRITE)) !== 0n;
      this.#clearMappings(start, end);
      for (let page = start; page < end; page += part) {
        this.#setRange(page, Math.min(end, page + part), kind, instance, offset, writable);
      }
    }
    return 0;
  }

  #copy(source: number, target: number, length: number): void {
    const pieces = this.#mappings.collect(source, source + length, []).map((mapping) => ({ ...mapping }));
    this.#clearMappings(target, target + length);
    for (const piece of pieces) {
      const start = Math.max(piece.start, source);
      this.#insertMapping({
        ...piece,
        start: start - source + target,
        end: Math.min(piece.end, source + length) - source + target,
        offsetPages: piece.offsetPages + (start - piece.start),
      });
    }
  }
}

function failed(status: number): AddressResult {
  return { status, virtualAddress: 0n };
}

function fits(instance: AllocationInstance, offsetPages: number, lengthPages: number): boolean {
  return offsetPages + lengthPages <= instance.allocation.lengthBytes / PAGE_BYTES;
}

function faultOf(mapping: Mapping, access: 'read' | 'write'): 'not-resident' | 'no-access' | null {
  if (mapping.kind === 'no-access') return 'no-access';
  if (access === 'write' && (!mapping.writable || mapping.instance!.readOnly)) return 'no-access';
  if (mapping.instance !== null && !mapping.instance.allocation.view.resident) return 'not-resident';
  return null;
}
