/** A small WebGPU program: squares numbers, and sees its device end as it should. */
export async function square(gpu: GPU, numbers: readonly number[]): Promise<number[]> {
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('there is no adapter');
  const device = await adapter.requestDevice();
  const input = new Float32Array(numbers);
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const data = device.createBuffer({ size: input.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
  const result = device.createBuffer({ size: input.byteLength, usage: COPY_DST | MAP_READ });
  device.queue.writeBuffer(data, 0, input);
  const module = device.createShaderModule({
    code: `@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
      @compute @workgroup_size(64) fn square(@builtin(global_invocation_id) id: vec3u) {
        if (id.x < arrayLength(&numbers)) { numbers[id.x] *= numbers[id.x]; }
      }`,
  });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = [{ binding: 0, resource: { buffer: data } }];
  const bindGroup = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(Math.ceil(numbers.length / 64));
  pass.end();
  encoder.copyBufferToBuffer(data, 0, result, 0, input.byteLength);
  device.queue.submit([encoder.finish()]);
  await result.mapAsync(GPUMapMode.READ);
  const squares = [...new Float32Array(result.getMappedRange())];
  result.unmap();
  device.destroy();
  const { reason } = await device.lost;
  if (reason !== 'destroyed') throw new Error(`the device was lost: ${reason}`);
  return squares;
}
