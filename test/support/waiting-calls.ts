/** What became of calls that wait, in words. */
export type Outcomes = Record<string, string>;

/** Calls of every kind that waits for a device, and what becomes of them. */
export class WaitingCalls {
  readonly outcomes: Outcomes = {};
  private readonly noted: Promise<void>[] = [];

  constructor(device: GPUDevice) {
    const buffer = device.createBuffer({ size: 16, usage: 1 | 8 });
    this.note('map', buffer.mapAsync(1));
    this.note('work', device.queue.onSubmittedWorkDone());
    device.pushErrorScope('validation');
    this.note('pop', device.popErrorScope());
    device.pushErrorScope('validation');
    device.createBuffer({ size: 4, usage: 1 | 128 });
    this.note('pop of an error', device.popErrorScope());
    const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
    this.note('pipeline', device.createComputePipelineAsync({ layout: 'auto', compute: { module } }));
    this.note('information', module.getCompilationInfo());
  }

  private note(name: string, promise: Promise<unknown>): void {
    const noted = promise.then(
      (value) => {
        this.outcomes[name] =
          value === null || value === undefined ? String(value) : (value as object).constructor.name;
      },
      (error: Error) => {
        this.outcomes[name] = `${error.constructor.name} ${error.name}`;
      },
    );
    this.noted.push(noted);
  }

  /** All have been settled. */
  async settled(): Promise<Outcomes> {
    await Promise.all(this.noted);
    return this.outcomes;
  }
}

/** What Dawn gives for them on a device that is lost. */
export const OUTCOMES_WHEN_LOST: Outcomes = {
  map: 'DOMException AbortError',
  work: 'undefined',
  pop: 'null',
  'pop of an error': 'null',
  pipeline: 'GPUComputePipeline',
  information: 'GPUCompilationInfo',
};

/** Uses a lost device in every way that must do nothing: throws if one does something. */
export async function useLostDevice(device: GPUDevice): Promise<Outcomes> {
  const outcomes = await new WaitingCalls(device).settled();
  const mapped = device.createBuffer({ size: 16, usage: 4, mappedAtCreation: true });
  new Uint8Array(mapped.getMappedRange()).fill(1);
  mapped.unmap();
  device.queue.writeBuffer(mapped, 0, new Uint8Array(1 << 20));
  const encoder = device.createCommandEncoder();
  encoder.clearBuffer(mapped);
  device.queue.submit([encoder.finish()]);
  const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: 2 });
  device.queue.writeTexture({ texture }, new Uint8Array(64), { bytesPerRow: 16 }, [4, 4]);
  texture.createView();
  texture.destroy();
  mapped.destroy();
  device.label = 'lost';
  device.destroy();
  return outcomes;
}
