import { type BrokenGuest, before, like, packets, twice, withWord } from './guest-trace.ts';

/** Guests that put wrong things into fields: zeros, constants, counts, flags, sizes. */
export const brokenByFields: readonly BrokenGuest[] = [
  ['an IO space in its own memory', 'GUEST-15', withWord('SetIoSpaceRegion', 44, 0)],
  ['an event id for a notification and a wait', 'GUEST-28', withWord('CreateSyncObject', 56, 3)],
  ['one event id for all that signals enqueue', 'GUEST-28', withWord('SignalSyncObject', 64, 10)],
  [
    'a global handle whose objects have ended',
    'GUEST-31',
    before('CloseAdapter', (events) => [like(events, 'OpenSyncObject', {})]),
  ],
  ['NT objects that end twice', 'GUEST-32', twice('DestroyNtSharedObject')],
  ['an address in Lock2', 'GUEST-51', withWord('Lock2', 56, 0x7000)],
  ['something beside the device of a signal', 'GUEST-51', withWord('SignalSyncObject', 68, 1)],
  ['no client hint', 'GUEST-52', withWord('CreateSyncObject', 136, 0)],
  [
    'processes of no system',
    'GUEST-52',
    packets(({ bytes }) => {
      bytes[16 + 562] = 0;
      return {};
    }, 'CreateProcess'),
  ],
  ['bytes behind the name of a process', 'GUEST-53', withWord('CreateProcess', 120, 0x41)],
  [
    'names that are too long',
    'GUEST-53',
    packets(({ bytes }) => ({ bytes: bytes.fill(0x41, 56, 90) }), 'CreateProcess'),
  ],
  ['more allocations than there are', 'GUEST-54', withWord('MakeResident', 52, 9000)],
  ['more private data than there is in a submission', 'GUEST-54', withWord('SubmitCommand', 336, 9000)],
  ['waits for nothing', 'GUEST-55', withWord('WaitForSyncObjectFromGpu', 44, 0)],
  ['more primaries than there is room for', 'GUEST-55', withWord('SubmitCommand', 340, 17)],
  ['a resource and allocations to ask about', 'GUEST-56', withWord('QueryAllocationResidency', 44, 5)],
  ['a hunger for long answers', 'GUEST-57', withWord('QueryAdapterInfo', 44, 131_072)],
  ['reasons of its own', 'GUEST-58', withWord('MarkDeviceAsError', 44, 1)],
  ['types of its own', 'GUEST-58', withWord('CreateSyncObject', 48, 7)],
  ['operations of its own', 'GUEST-58', withWord('UpdateGpuVirtualAddress', 72, 4)],
  ['flags of its own', 'GUEST-59', withWord('Evict', 44, 0x10)],
  ['residency that must succeed, and may not', 'GUEST-59', withWord('MakeResident', 48, 2)],
  ['a bool of 2', 'GUEST-60', withWord('OfferAllocations', 56, 2)],
  ['half pages', 'GUEST-61', withWord('FreeGpuVirtualAddress', 48, 0x800)],
  ['small reservations', 'GUEST-61', withWord('ReserveGpuVirtualAddress', 72, 0x1000)],
  ['mappings of no allocation', 'GUEST-62', withWord('MapGpuVirtualAddress', 72, 0)],
  ['mappings beyond an allocation', 'GUEST-62', withWord('MapGpuVirtualAddress', 80, 0x10_0000)],
  [
    'half of the values of a signal',
    'GUEST-63',
    packets(({ bytes }) => ({ bytes: bytes.slice(0, -8) }), 'SignalSyncObject'),
  ],
  [
    'memory of its own behind its messages',
    'GUEST-88',
    packets(({ bytes }) => ({
      bytes: Uint8Array.from({ length: bytes.length + 24 }, (_, at) => bytes[at] ?? 0x5a),
    })),
  ],
];
