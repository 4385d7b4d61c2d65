import type { StreamGroupHandlers } from '@dxgwire/protocol/stream';
import { type ContextState, type Mapping, messageOf } from './context-state.ts';
import type { WriteTarget } from './submission-data.ts';

/** Mapping buffers, and writing into mapped ones. */
export function mappingHandlers(
  state: ContextState,
): Pick<StreamGroupHandlers<'resource'>, 'mapAsync' | 'unmap' | 'writeMapped' | 'writeMappedFrom'> {
  return {
    mapAsync(requestId, id, mode, offset, size) {
      const target = state.data.target();
      const buffer = state.need('buffer', id);
      const { ticket } = state;
      ticket.pending += 1;
      state.returns.expect();
      mapBuffer(buffer, mode, offset, size)
        .then(
          () => {
            const mapping: Mapping = { offset, length: size, bytes: null };
            finishMap(state, requestId, buffer, mapping, target);
            if (state.objects.get(id, 'buffer') === buffer) state.mappings.set(id, mapping);
          },
          (error: unknown) => {
            target?.cancel();
            const aborted = error instanceof Error && error.name === 'AbortError';
            state.returns.mapResult(requestId, aborted ? 'aborted' : 'error', messageOf(error));
          },
        )
        .finally(() => ticket.settle());
    },
    unmap(id) {
      state.mappings.delete(id);
      state.need('buffer', id).unmap();
    },
    writeMapped(id, offset, data) {
      writeMapped(state, id, offset, data);
    },
    writeMappedFrom(id, offset) {
      writeMapped(state, id, offset, state.data.read());
    },
  };
}

/** mapAsync() that never throws at once. */
async function mapBuffer(buffer: GPUBuffer, mode: number, offset: number, size: number): Promise<void> {
  await buffer.mapAsync(mode, offset, size);
}

/** Copies a range that is mapped now to where the guest wants it, and answers. */
function finishMap(
  state: ContextState,
  requestId: number,
  buffer: GPUBuffer,
  mapping: Mapping,
  target: WriteTarget | null,
): void {
  let written = target === null;
  try {
    if (target !== null) {
      const bytes = bytesOf(buffer, mapping);
      target.write(bytes);
      written = true;
    }
    state.returns.mapResult(requestId, 'success', '');
  } catch {
    // The guest unmapped or destroyed the buffer after Dawn mapped it and before we came here.
    if (!written) target?.cancel();
    state.returns.mapResult(requestId, 'aborted', 'the buffer was unmapped before its contents were read');
  }
}

function bytesOf(buffer: GPUBuffer, mapping: Mapping): Uint8Array {
  mapping.bytes ??= new Uint8Array(buffer.getMappedRange(mapping.offset, mapping.length));
  return mapping.bytes;
}

function writeMapped(state: ContextState, id: number, offset: number, data: Uint8Array): void {
  const mapping = state.mappings.get(id);
  const buffer = state.objects.get(id, 'buffer');
  // Written to a buffer that is mapped no more, or whose creation failed: its errors have been raised elsewhere.
  if (mapping === undefined || buffer === undefined) return;
  const start = offset - mapping.offset;
  if (start < 0 || start + data.length > mapping.length) {
    state.fail(
      `bytes ${offset} to ${offset + data.length} are outside the mapped range at ${mapping.offset}, ${mapping.length} bytes`,
    );
    return;
  }
  let bytes: Uint8Array;
  try {
    bytes = bytesOf(buffer, mapping);
  } catch (error) {
    state.scopes.inject({ type: 'out-of-memory', message: messageOf(error) });
    return;
  }
  bytes.set(data, start);
}
