import type { FuzzTargetEntry } from '../target.ts';

/** The parts that `pnpm fuzz` knows, in the order in which it runs them. */
export const targets: readonly FuzzTargetEntry[] = [
  {
    name: 'decoder',
    summary: 'bytes to messages: headers, requests, replies, events, in every form',
    defaultInputs: 10_000_000,
    isGuided: true,
    open: async () => new (await import('./decoder.ts')).DecoderTarget(),
  },
  {
    name: 'dispatcher',
    summary: 'sequences of commands with right, wrong, stale and foreign handles',
    defaultInputs: 50_000,
    isGuided: true,
    open: async () => (await import('./dispatcher.ts')).openDispatcherTarget(),
  },
  {
    name: 'ring',
    summary: 'VMBus rings whose memory changes while the host reads',
    defaultInputs: 100_000,
    isGuided: true,
    open: async () => new (await import('./ring.ts')).RingTarget(),
  },
  {
    name: 'link',
    summary: 'link frames: the frame decoder and a whole session behind it',
    defaultInputs: 20_000,
    isGuided: true,
    open: async () => (await import('./link.ts')).LinkTarget.open(),
  },
  {
    name: 'guest',
    summary: 'guests of hostile hosts: answers, events, window, return ring, link frames and rings',
    defaultInputs: 600,
    isGuided: false,
    open: async () => (await import('./guest.ts')).GuestTarget.open(),
  },
  {
    name: 'stream',
    summary: 'WebGPU command streams: the decoder in both forms, and a host with the null backend',
    defaultInputs: 150_000,
    isGuided: true,
    open: async () => (await import('./stream.ts')).openStreamTarget(),
  },
  {
    name: 'executor',
    summary: 'WebGPU command streams into what carries them out, on a WebGPU that does nothing',
    defaultInputs: 60_000,
    isGuided: true,
    alsoCorpus: ['stream'],
    open: async () => (await import('./executor.ts')).openExecutorTarget(),
  },
  {
    name: 'dawn',
    summary: 'WebGPU command streams into Dawn, in a GPU process that must not crash',
    defaultInputs: 500,
    isGuided: false,
    alsoCorpus: ['stream', 'executor'],
    open: async () => (await import('./executor.ts')).openDawnTarget(),
  },
  {
    name: 'protobuf',
    summary: 'protobuf envelopes to packets, and packets to envelopes and back',
    defaultInputs: 100_000,
    isGuided: true,
    open: async () => new (await import('./protobuf.ts')).ProtobufTarget(),
  },
  {
    name: 'blobs',
    summary: 'driver-private data: MessagePack and fixed layouts',
    defaultInputs: 500_000,
    isGuided: true,
    open: async () => new (await import('./blobs.ts')).BlobsTarget(),
  },
];
