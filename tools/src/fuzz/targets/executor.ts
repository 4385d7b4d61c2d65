import type { Backend, ExecutionResult } from '@dxgwire/host/backends';
import { createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { createPageBackend } from '@dxgwire/host/backends/webgpu/page';
import { Rig, Scene } from '@dxgwire/host/testing';
import { ops, walkRecords } from '@dxgwire/protocol/stream';
import type { FuzzTarget } from '../target.ts';
import { createStandInGpu } from './stand-in-gpu.ts';

/** A shader may loop for ever: such work is ended as a host ends it, milliseconds. */
const HANG_MS = 5000;
/** What one stream can have copied takes no longer than an input may. */
const STAGING_BYTES = 8 << 20;
const MAP_READ_AND_COPY_DST = 1 | 8;

/** A stream with every kind of record that a program makes, for this rig. */
function recordScene(rig: Rig): Uint8Array {
  const scene = new Scene(rig, ops);
  scene.resources();
  scene.layouts();
  scene.pipelines();
  scene.bundle();
  scene.commands();
  const stream = rig.writer.view().slice();
  rig.writer.reset();
  return stream;
}

function asPrivateData(stream: Uint8Array): Uint8Array {
  const privateData = new Uint8Array(8 + stream.length);
  new DataView(privateData.buffer).setUint32(4, stream.length, true);
  privateData.set(stream, 8);
  return privateData;
}

/** Where the streams are executed, and how often it is looked at. */
interface Place {
  readonly name: string;
  readonly summary: string;
  readonly backend: Backend;
  /** Memory that another process can map. */
  readonly isShared: boolean;
  /** A context takes so many streams before the next one takes its place. */
  readonly streamsPerContext: number;
  /** Streams between two questions whether a device there still works. */
  readonly probeEvery: number;
}

/** First four bytes: nothing, so that the corpus of `stream` fits; then records for a device with all kinds of objects. */
export class ExecutorTarget implements FuzzTarget {
  readonly name: string;
  readonly summary: string;
  readonly unit = 'streams';
  readonly maxInputBytes = 4096;
  readonly #place: Place;
  readonly #backend: Backend;
  #rig: Rig | null = null;
  #scene: Uint8Array = new Uint8Array(0);
  #streams = 0;
  #refused = 0;
  #hangs = 0;

  constructor(place: Place) {
    this.name = place.name;
    this.summary = place.summary;
    this.#place = place;
    this.#backend = place.backend;
  }

  async prepare(): Promise<void> {
    await this.#start();
  }

  seeds(): readonly Uint8Array[] {
    const whole = this.#scene;
    const words = new Uint32Array(whole.buffer, whole.byteOffset, whole.length / 4);
    const starts: number[] = [];
    walkRecords(words, (_opcode, position) => starts.push((position - 1) * 4));
    starts.push(whole.length);
    const seeds: Uint8Array[] = [];
    for (let index = 0; index + 1 < starts.length; index += 1) {
      const end = starts[Math.min(index + 1 + (index % 7), starts.length - 1)]!;
      if (end - starts[index]! > 3000) continue;
      seeds.push(Uint8Array.of(0, 0, 0, 0, ...whole.subarray(starts[index]!, end)));
    }
    return seeds;
  }

  async #start(): Promise<void> {
    const rig = await Rig.open(this.#backend, this.#place.isShared, STAGING_BYTES);
    this.#rig = rig;
    await rig.createDevice(['timestamp-query']);
    this.#scene = recordScene(rig);
    await rig.submitRaw(asPrivateData(this.#scene));
  }

  async run(input: Uint8Array): Promise<void> {
    if (this.#rig === null) await this.#start();
    const rig = this.#rig!;
    const length = Math.max(0, input.length - 4) & ~3;
    this.#streams += 1;
    const result = await this.#within(rig.submitRaw(asPrivateData(input.subarray(4, 4 + length))));
    if (result === null) await this.#hung(rig);
    else if (result.kind === 'lost') throw new Error('the device was lost');
    else if (result.kind !== 'completed') this.#refused += 1;
    if (rig.lost.length > 0 && this.#rig !== null) throw new Error(`the GPU process: ${rig.lost.join('; ')}`);
    rig.returned.length = 0;
    rig.consume();
  }

  afterInput(): Promise<void> | undefined {
    const { probeEvery, streamsPerContext } = this.#place;
    return this.#streams % probeEvery === 0 || this.#streams % streamsPerContext === 0
      ? this.#tidy()
      : undefined;
  }

  async #tidy(): Promise<void> {
    if (this.#streams % this.#place.probeEvery === 0) await this.check();
    if (this.#streams % this.#place.streamsPerContext === 0) await this.reset();
  }

  async #within(work: Promise<ExecutionResult>): Promise<ExecutionResult | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), HANG_MS);
    });
    const result = await Promise.race([work, late]);
    clearTimeout(timer);
    return result;
  }

  /** Work that does not end is no crash: the host resets the adapter, and a new one works. */
  async #hung(rig: Rig): Promise<void> {
    this.#hangs += 1;
    this.#rig = null;
    await rig.adapter.reset();
    await rig.close();
  }

  /** Whether a device in the same GPU process still works. */
  async check(): Promise<void> {
    const rig = this.#rig;
    if (rig === null) return;
    if (rig.lost.length > 0) throw new Error(`the GPU process: ${rig.lost.join('; ')}`);
    const other = await Rig.open(this.#backend, this.#place.isShared, STAGING_BYTES);
    try {
      await other.createDevice();
      const buffer = other.buffer(16, MAP_READ_AND_COPY_DST);
      await other.submit();
      const bytes = await other.read(buffer, 16);
      if (bytes.some((byte) => byte !== 0)) throw new Error('a new buffer is not zero');
    } finally {
      await other.close();
    }
  }

  async reset(): Promise<void> {
    const rig = this.#rig;
    this.#rig = null;
    await rig?.close();
  }

  describe(): string {
    return `${this.#refused} streams refused, ${this.#hangs} ended by a time-out`;
  }

  async close(): Promise<void> {
    await this.reset();
    await this.#backend.close();
  }
}

/** Dawn, in a GPU process. */
export async function openDawnTarget(): Promise<ExecutorTarget> {
  const target = new ExecutorTarget({
    name: 'dawn',
    summary: 'WebGPU command streams into Dawn',
    backend: await createWebgpuBackend({ vulkan: 'bundled' }),
    isShared: true,
    streamsPerContext: 256,
    probeEvery: 64,
  });
  await target.prepare();
  return target;
}

/** The same executor in this process, where coverage can guide, on a WebGPU that does nothing. */
export async function openExecutorTarget(): Promise<ExecutorTarget> {
  const target = new ExecutorTarget({
    name: 'executor',
    summary: 'WebGPU command streams into the executor',
    backend: await createPageBackend({ gpu: createStandInGpu(), memoryBytes: 1 << 28 }),
    isShared: false,
    streamsPerContext: 2048,
    probeEvery: 1024,
  });
  await target.prepare();
  return target;
}
