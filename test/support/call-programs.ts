/**
 * Random programs of WebGPU calls whose promises are settled in some order. The order is written down, so that two
 * implementations can be compared.
 */

/** A small generator of random numbers: mulberry32. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const MAP_READ = 1;
const COPY_DST = 8;
const COPY_SRC = 4;
const SIZE_BYTES = 64;

/** What a program has at hand. */
class Program {
  readonly log: string[] = [];
  readonly device: GPUDevice;
  private readonly source: GPUBuffer;
  private readonly buffers: GPUBuffer[] = [];
  private readonly module: GPUShaderModule;
  private readonly pending: Promise<unknown>[] = [];
  private readonly random: (below: number) => number;
  private calls = 0;
  private depth = 0;

  constructor(device: GPUDevice, random: (below: number) => number) {
    this.device = device;
    this.random = random;
    this.source = device.createBuffer({ size: SIZE_BYTES, usage: COPY_SRC | COPY_DST });
    this.module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
    device.onuncapturederror = (event) => event.preventDefault();
  }

  private watch(what: string, promise: Promise<unknown>): void {
    this.calls += 1;
    const name = `${this.calls} ${what}`;
    const noted = promise.then(
      (value) => this.log.push(`${name}: ${describeValue(value)}`),
      (reason: Error) => this.log.push(`${name}: ${reason.name}`),
    );
    this.pending.push(noted);
  }

  private buffer(): GPUBuffer {
    const { buffers } = this;
    if (buffers.length < 4 && this.random(2) === 0) {
      buffers.push(this.device.createBuffer({ size: SIZE_BYTES, usage: MAP_READ | COPY_DST }));
    }
    return (
      buffers[this.random(Math.max(1, buffers.length))] ??
      this.device.createBuffer({ size: SIZE_BYTES, usage: MAP_READ | COPY_DST })
    );
  }

  private readonly steps: readonly (() => void)[] = [
    () => this.watch('work', this.device.queue.onSubmittedWorkDone()),
    () => this.watch('map', this.buffer().mapAsync(1)),
    () => this.watch('map of a wrong range', this.buffer().mapAsync(1, 4)),
    () => this.watch('map in a wrong mode', this.buffer().mapAsync(2)),
    () => this.buffer().unmap(),
    () => this.buffer().destroy(),
    () => {
      this.device.pushErrorScope('validation');
      this.depth += 1;
    },
    () => {
      if (this.depth === 0 && this.random(4) > 0) return;
      this.depth = Math.max(0, this.depth - 1);
      this.watch('pop', this.device.popErrorScope());
    },
    () => void this.device.createBuffer({ size: 4, usage: MAP_READ | COPY_SRC }),
    () => this.watch('information', this.module.getCompilationInfo()),
    () => {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(this.source, 0, this.buffer(), 0, SIZE_BYTES);
      this.device.queue.submit([encoder.finish()]);
    },
    () => this.device.queue.writeBuffer(this.source, 0, new Uint32Array([this.calls])),
  ];

  turn(): void {
    for (let count = this.random(12); count >= 0; count--) this.steps[this.random(this.steps.length)]!();
  }

  async run(turns: number): Promise<string[]> {
    for (let turn = 0; turn < turns; turn++) {
      this.turn();
      if (this.random(3) > 0) await Promise.all(this.pending);
      this.log.push(`turn ${turn}`);
    }
    if (this.random(2) === 0) {
      this.turn();
      this.device.destroy();
      this.watch('lost', this.device.lost);
      this.turn();
    }
    await Promise.all(this.pending);
    return this.log;
  }
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if ('message' in (value as object) && 'constructor' in (value as object)) {
    return `${(value as object).constructor.name} ${(value as GPUError).message.split('\n', 1)[0]}`;
  }
  return (value as object).constructor.name;
}

/** Runs the program of a seed. @returns what was settled, in order. */
export async function runProgramOfSeed(gpu: GPU, seed: number, turns: number): Promise<string[]> {
  const adapter = await gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const log = await new Program(device, randomFrom(seed)).run(turns);
  device.destroy();
  return log;
}
