import type { StreamGroupHandlers } from '@dxgwire/protocol/stream';
import { type ContextState, FOREIGN_ID } from './context-state.ts';

/** The queue. */
export function queueHandlers(state: ContextState): StreamGroupHandlers<'queue'> {
  const { queue, objects } = state;
  return {
    queueSubmit(ids) {
      state.hasNewWork = true;
      const buffers: GPUCommandBuffer[] = [];
      for (let index = 0; index < ids.length; index++) {
        const buffer = objects.get(ids[index]!, 'commandBuffer');
        if (buffer === undefined) {
          const other = 'a command buffer of another device';
          const none = `there is no command buffer of id ${ids[index]}, or it was submitted before`;
          state.fail(`submit: ${ids[index] === FOREIGN_ID ? other : none}`);
          return;
        }
        buffers.push(buffer);
      }
      queue.submit(buffers);
      for (let index = 0; index < ids.length; index++) objects.delete(ids[index]!);
      state.droppedObjects += ids.length;
    },
    onSubmittedWorkDone(requestId) {
      state.returns.expect();
      const done = (): void => state.returns.workDone(requestId);
      queue.onSubmittedWorkDone().then(done, done);
    },
    writeBuffer(id, offset, data) {
      state.hasNewWork = true;
      queue.writeBuffer(state.need('buffer', id), offset, data);
    },
    writeBufferFrom(id, offset) {
      state.hasNewWork = true;
      const data = state.data.read();
      queue.writeBuffer(state.need('buffer', id), offset, data);
    },
    writeTexture(
      id,
      mipLevel,
      x,
      y,
      z,
      aspect,
      width,
      height,
      depth,
      offset,
      bytesPerRow,
      rowsPerImage,
      data,
    ) {
      state.hasNewWork = true;
      queue.writeTexture(
        { texture: state.need('texture', id), mipLevel, origin: { x, y, z }, aspect },
        data,
        layout(offset, bytesPerRow, rowsPerImage),
        { width, height, depthOrArrayLayers: depth },
      );
    },
    writeTextureFrom(id, mipLevel, x, y, z, aspect, width, height, depth, offset, bytesPerRow, rowsPerImage) {
      state.hasNewWork = true;
      const data = state.data.read();
      queue.writeTexture(
        { texture: state.need('texture', id), mipLevel, origin: { x, y, z }, aspect },
        data,
        layout(offset, bytesPerRow, rowsPerImage),
        { width, height, depthOrArrayLayers: depth },
      );
    },
  };
}

/** A data layout; what is undefined is left out. */
export function layout(
  offset: number,
  bytesPerRow: number | undefined,
  rowsPerImage: number | undefined,
): GPUTexelCopyBufferLayout {
  return {
    offset,
    ...(bytesPerRow === undefined ? {} : { bytesPerRow }),
    ...(rowsPerImage === undefined ? {} : { rowsPerImage }),
  };
}
