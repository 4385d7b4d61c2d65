import type { Fault, Outgoing } from './broken-bus.ts';
import { believer, gossip, open, untidy, wavering } from './broken-trust.ts';

/** A host that is wrong in one way, and the requirements that must catch it. */
export interface BrokenHost {
  readonly name: string;
  readonly caughtBy: readonly string[];
  /** A new one for each link. */
  readonly fault: () => Fault;
}

function view({ bytes }: Outgoing): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function asked({ request }: Outgoing): DataView {
  return new DataView(request.buffer, request.byteOffset, request.length);
}

/** Changes each answer to one command. */
function onAnswer(name: string, change: (outgoing: Outgoing) => null | 2 | undefined): () => Fault {
  return () => ({
    answer: (outgoing) => (outgoing.command?.name === name ? change(outgoing) : undefined),
  });
}

function setWord(offset: number, value: (old: number) => number): (outgoing: Outgoing) => undefined {
  return (outgoing) => {
    if (outgoing.bytes.length >= offset + 4) {
      view(outgoing).setUint32(offset, value(view(outgoing).getUint32(offset, true)), true);
    }
    return undefined;
  };
}

/** Where a message of version 40 has its command. */
const COMMAND_AT = 16;

/** A host that takes what a guest asks for something else: each request of one command is changed before it gets it. */
function misreads(name: string, change: (request: DataView) => void): () => Fault {
  return () => ({
    request({ bytes, offset, length }, command) {
      if (command?.name === name)
        change(new DataView(bytes.buffer, bytes.byteOffset + offset + COMMAND_AT, length - COMMAND_AT));
      return true;
    },
  });
}

export const brokenHosts: readonly BrokenHost[] = [
  {
    name: 'answers of a wrong length',
    caughtBy: ['LENGTH-23', 'ANSWER-23'],
    fault: onAnswer('Lock2', (outgoing) => {
      outgoing.bytes = outgoing.bytes.slice(0, 8);
    }),
  },
  {
    name: 'a stale handle accepted',
    caughtBy: ['STALE-1003G', 'HANDLE-1003G'],
    fault: onAnswer(
      'DestroySyncObject',
      setWord(0, () => 0),
    ),
  },
  {
    name: 'a fence that goes backwards',
    caughtBy: ['SYNC-02', 'QUEUE-06'],
    fault: () => ({ store: (value) => (value > 1n ? value - 1n : value) }),
  },
  {
    name: 'a lost wake-up',
    caughtBy: ['SYNC-06'],
    fault: () => ({ message: (_, code) => (code === 0 ? null : undefined) }),
  },
  {
    name: 'a lost wake-up of a wait that is satisfied already',
    caughtBy: ['SYNC-07'],
    fault: () => {
      let afterWait = false;
      return {
        request: (_packet, command) => {
          afterWait = command?.name === 'WaitForSyncObjectFromCpu';
          return true;
        },
        message: (_, code) => (code === 0 && afterWait ? null : undefined),
      };
    },
  },
  {
    name: 'an event twice',
    caughtBy: ['SYNC-06', 'SYNC-07'],
    fault: () => ({ message: (_, code) => (code === 0 ? 2 : undefined) }),
  },
  {
    name: 'an event of 40 bytes',
    caughtBy: ['SYNC-11'],
    fault: () => ({
      message(outgoing) {
        outgoing.bytes = outgoing.bytes.slice(0, 40);
        return undefined;
      },
    }),
  },
  {
    name: 'event ids cut to 32 bits',
    caughtBy: ['SYNC-11'],
    fault: () => ({
      message(outgoing, code) {
        if (code === 0) view(outgoing).setUint32(28, 0, true);
        return undefined;
      },
    }),
  },
  {
    name: 'a status in the wrong place',
    caughtBy: ['FAILURE-28', 'FAILURE-11'],
    fault: () => ({
      answer(outgoing) {
        const offset = outgoing.command?.statusOffset ?? 0;
        if (offset < 8 || outgoing.bytes.length < offset + 4) return undefined;
        view(outgoing).setUint32(0, view(outgoing).getUint32(offset, true), true);
        view(outgoing).setUint32(offset, 0, true);
        return undefined;
      },
    }),
  },
  {
    name: 'a bare status for every failure',
    caughtBy: ['FAILURE-48', 'FAILURE-62'],
    fault: () => ({
      answer(outgoing) {
        const offset = outgoing.command?.statusOffset ?? -1;
        if (offset >= 0 && outgoing.bytes.length > 8 && view(outgoing).getInt32(offset, true) < 0) {
          const status = view(outgoing).getUint32(offset, true);
          outgoing.bytes = new Uint8Array(8);
          view(outgoing).setUint32(0, status, true);
        }
        return undefined;
      },
    }),
  },
  {
    name: 'a status that the driver does not know',
    caughtBy: ['FAILURE-01'],
    fault: onAnswer(
      'DestroyDevice',
      setWord(0, (old) => (old === 0 ? 0 : 0xc000_0001)),
    ),
  },
  {
    name: 'a positive status in place of success',
    caughtBy: ['BRING-07'],
    fault: onAnswer(
      'SetIoSpaceRegion',
      setWord(0, () => 0x103),
    ),
  },
  {
    name: 'a status where a null handle says failure',
    caughtBy: ['FAILURE-00'],
    fault: onAnswer(
      'CreateDevice',
      setWord(0, (old) => (old === 0 ? 0xc000_000d : old)),
    ),
  },
  {
    name: 'a status where a short answer says failure',
    caughtBy: ['FAILURE-18', 'FAILURE-12'],
    fault: () => ({
      answer(outgoing) {
        if (outgoing.command?.failure === 'short' && outgoing.bytes.length === 0) {
          outgoing.bytes = new Uint8Array(outgoing.command.name === 'ReserveGpuVirtualAddress' ? 16 : 8).fill(
            0xc0,
          );
        }
        return undefined;
      },
    }),
  },
  {
    name: 'an answer to a one-way command',
    caughtBy: ['PACKET-05'],
    fault: () => ({
      request(packet, command, channel) {
        if (command?.name === 'SignalSyncObject' && packet.flags === 0) {
          channel.send(11, packet.idLow, packet.idHigh, 0, new Uint8Array(8), 0, 8);
        }
        return true;
      },
    }),
  },
  {
    name: 'a completion twice',
    caughtBy: ['ANSWER-42'],
    fault: onAnswer('FlushDevice', () => 2),
  },
  {
    name: 'a wrong transaction id',
    caughtBy: ['ANSWER-37'],
    fault: onAnswer('FlushHeapTransitions', (outgoing) => {
      outgoing.idLow += 1000;
    }),
  },
  {
    name: 'a host that never answers one command',
    caughtBy: ['ANSWER-68'],
    fault: onAnswer('IsFeatureEnabled', () => null),
  },
  {
    name: 'commands carried out in another order',
    caughtBy: ['PACKET-08'],
    fault: () => {
      let last = 0;
      return {
        answer(outgoing) {
          if (outgoing.command?.name !== 'GetContextSchedulingPriority') return undefined;
          // The value of the question before.
          const value = view(outgoing).getUint32(4, true);
          view(outgoing).setUint32(4, last, true);
          last = value;
          return undefined;
        },
      };
    },
  },
  {
    name: 'an index used again at once',
    caughtBy: ['NAME-06'],
    fault: onAnswer('CreateSyncObject', (outgoing) => {
      if (outgoing.count > 1) view(outgoing).setUint32(0, 0xc001_0000, true);
      else view(outgoing).setUint32(0, 0xc001_0000, true);
    }),
  },
  {
    name: 'handles with an instance',
    caughtBy: ['NAME-04'],
    fault: onAnswer(
      'CreateDevice',
      setWord(0, (old) => (old === 0 ? 0 : old | 5)),
    ),
  },
  {
    name: 'handles as sparse as they can be',
    caughtBy: ['NAME-03'],
    fault: onAnswer(
      'CreatePagingQueue',
      setWord(0, (old) => (old === 0 ? 0 : 0xffff_ff80)),
    ),
  },
  {
    name: 'handles that look like adapters of the guest',
    caughtBy: ['NAME-05'],
    fault: onAnswer(
      'CreatePagingQueue',
      setWord(0, (old) => (old === 0 ? 0 : 0x4000_0040)),
    ),
  },
  {
    name: 'a queue and its fence under one handle',
    caughtBy: ['NAME-02'],
    fault: onAnswer('CreatePagingQueue', (outgoing) => {
      if (outgoing.bytes.length >= 8) view(outgoing).setUint32(4, view(outgoing).getUint32(0, true), true);
    }),
  },
  {
    name: 'a fence page that is not page aligned',
    caughtBy: ['NAME-10', 'ANSWER-08'],
    fault: onAnswer(
      'CreateSyncObject',
      setWord(16, (old) => old + 64),
    ),
  },
  {
    name: 'a fence page outside the IO space',
    caughtBy: ['NAME-10', 'ANSWER-08'],
    fault: onAnswer(
      'CreateSyncObject',
      setWord(20, (old) => old + 1),
    ),
  },
  {
    name: 'padding that is not zero',
    caughtBy: ['LENGTH-01'],
    fault: onAnswer(
      'DestroyDevice',
      setWord(4, () => 0xfeed),
    ),
  },
  {
    name: 'an initial fence value that comes too late',
    caughtBy: ['SYNC-01'],
    fault: () => ({ store: (value) => (value === 0x1_0000_0000n ? 0n : value) }),
  },
  {
    name: 'foreign, null and unknown handles accepted',
    caughtBy: ['HANDLE-24', 'HANDLE-05'],
    fault: () => ({
      answer(outgoing) {
        if (/^(Unlock2|DestroyAllocation)$/.test(outgoing.command?.name ?? ''))
          view(outgoing).setUint32(0, 0, true);
        return undefined;
      },
    }),
  },
  {
    name: 'processes that there are not',
    caughtBy: ['PROCESS-01'],
    fault: onAnswer(
      'DestroyDevice',
      setWord(0, () => 0),
    ),
  },
  {
    name: 'an unknown command taken for a good one',
    caughtBy: ['PACKET-06', 'UNSENT-30'],
    fault: () => ({
      answer(outgoing) {
        if (outgoing.command === undefined && outgoing.bytes.length >= 4)
          view(outgoing).setUint32(0, 0, true);
        return undefined;
      },
    }),
  },
  {
    name: 'a crash on an unknown command',
    caughtBy: ['PACKET-06', 'PACKET-07'],
    fault: () => ({
      request(_packet, command, channel) {
        if (command !== undefined) return true;
        channel.abort(new Error('this broken host has crashed'));
        return false;
      },
    }),
  },
  {
    name: 'no news of a lost device',
    caughtBy: ['QUEUE-13'],
    fault: () => ({ message: (_, code) => (code === 2 ? null : undefined) }),
  },
  {
    name: 'a device state without the request in it',
    caughtBy: ['ANSWER-28'],
    fault: onAnswer(
      'GetDeviceState',
      setWord(0, () => 0),
    ),
  },
  {
    name: 'a lock at another address each time',
    caughtBy: ['MEMORY-06'],
    fault: onAnswer('Lock2', (outgoing) => {
      if (outgoing.count % 2 === 0)
        view(outgoing).setUint32(8, view(outgoing).getUint32(8, true) + 0x1000, true);
    }),
  },
  {
    name: 'a paging fence value that is never reached',
    caughtBy: ['MEMORY-17'],
    fault: onAnswer(
      'ReclaimAllocations',
      setWord(0, () => 0x7777),
    ),
  },
  {
    name: 'allocations that are resident from the start',
    caughtBy: ['ANSWER-41'],
    fault: onAnswer(
      'QueryAllocationResidency',
      setWord(4, () => 1),
    ),
  },
  {
    name: 'no global handle of a shared fence',
    caughtBy: ['LIFE-01'],
    fault: onAnswer(
      'CreateSyncObject',
      setWord(4, () => 0),
    ),
  },
  {
    name: 'a null LUID of the virtual GPU',
    caughtBy: ['BRING-08'],
    fault: onAnswer('GetInternalAdapterInfo', (outgoing) => {
      if (outgoing.count > 0) outgoing.bytes.fill(0, 704, 712);
    }),
  },
  {
    name: 'belief in what guests write into pages of fences',
    caughtBy: ['PAGE-01', 'PAGE-02'],
    fault: believer,
  },
  { name: 'pages that hold what the fence before left', caughtBy: ['PAGE-03'], fault: untidy },
  { name: 'events and news for every guest', caughtBy: ['LIFE-12'], fault: gossip() },
  { name: 'global handles that hold for every guest', caughtBy: ['LIFE-13'], fault: open },
  {
    name: 'a fence that rises on the average only',
    caughtBy: ['SYNC-04', 'PAGE-04'],
    fault: () => wavering(),
  },
  {
    name: 'a wait that is answered when it is over',
    caughtBy: ['SYNC-05'],
    fault: onAnswer('WaitForSyncObjectFromCpu', (outgoing) =>
      asked(outgoing).getUint32(28, true) > 0 ? null : undefined,
    ),
  },
  {
    name: 'the type of its adapter left to who asks',
    caughtBy: ['ANSWER-02'],
    fault: onAnswer('QueryAdapterInfo', (outgoing) =>
      setWord(4, () => asked(outgoing).getUint32(32, true))(outgoing),
    ),
  },
  {
    name: 'flags without a meaning taken',
    caughtBy: ['FLAGS-08'],
    fault: misreads('CreateSyncObject', (request) =>
      request.setUint32(36, request.getUint32(36, true) & 0xff, true),
    ),
  },
  {
    name: 'a reservation of any size',
    caughtBy: ['MEMORY-20'],
    fault: misreads('ChangeVideoMemoryReservation', (request) => request.setBigUint64(40, 0n, true)),
  },
  {
    name: 'one priority for all allocations of a list',
    caughtBy: ['MEMORY-18'],
    fault: misreads('SetAllocationPriority', (request) => {
      const count = request.getUint32(32, true);
      for (let index = 1; index < count; index += 1)
        request.setUint32(40 + 4 * (count + index), request.getUint32(40 + 4 * count, true), true);
    }),
  },
  {
    name: 'GPU addresses out of bounds',
    caughtBy: ['MEMORY-24'],
    fault: misreads('ReserveGpuVirtualAddress', (request) => {
      for (const offset of [40, 48]) request.setBigUint64(offset, 0n, true);
    }),
  },
  {
    name: 'updates of GPU addresses that do not wait',
    caughtBy: ['MEMORY-25'],
    fault: misreads('UpdateGpuVirtualAddress', (request) => request.setUint32(48, 1, true)),
  },
  {
    name: 'the later values of a legacy wait believed',
    caughtBy: ['QUEUE-22'],
    fault: misreads('WaitForSyncObjectFromGpu', (request) => request.setUint32(32, 0, true)),
  },
  {
    name: 'fences that a lost device leaves as they are',
    caughtBy: ['QUEUE-19'],
    fault: misreads('CreateSyncObject', (request) =>
      request.setUint32(36, request.getUint32(36, true) | 0x40, true),
    ),
  },
  {
    name: 'all rights for who opens a fence',
    caughtBy: ['LIFE-14'],
    fault: misreads('OpenSyncObject', (request) => request.setUint32(36, 3, true)),
  },
  {
    name: 'CPU waits for any where all were asked for',
    caughtBy: ['SYNC-24', 'SYNC-08'],
    fault: misreads('WaitForSyncObjectFromCpu', (request) => request.setUint32(32, 1, true)),
  },
  {
    name: 'rights of fences that do not bind contexts',
    caughtBy: ['SYNC-23'],
    fault: onAnswer(
      'WaitForSyncObjectFromGpu',
      setWord(0, () => 0),
    ),
  },
];
