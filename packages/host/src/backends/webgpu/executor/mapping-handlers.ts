import type { StreamGroupHandlers } from '@dxgwire/protocol/stream';
import { type ContextState, messageOf } from './context-state.ts';
import { MappedRange } from './mapped-range.ts';
import { readMapped } from './read-mapped.ts';
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
            const range = new MappedRange(buffer, offset, size);
            finishMap(state, requestId, range, target);
            if (state.objects.get(id, 'buffer') === buffer) state.mappings.set(id, range);
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

/**
 * mapAsync() that never throws at once. Dawn's own promise, so that nothing stands between it and its answer: the
 * guest's promises settle in the order in which Dawn's do.
 */
function mapBuffer(buffer: GPUBuffer, mode: number, offset: number, size: number): Promise<unknown> {
  try {
    // From behind its end on: the guest was given no size either, and Dawn's message says what it made of that.
    const hasNone = size === Number.MAX_SAFE_INTEGER && offset > buffer.size;
    return hasNone ? buffer.mapAsync(mode, offset) : buffer.mapAsync(mode, offset, size);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Copies a range that is mapped now to where the guest wants it, and answers. */
function finishMap(
  state: ContextState,
  requestId: number,
  range: MappedRange,
  target: WriteTarget | null,
): void {
  try {
    if (target !== null) {
      readMapped(range, target);
      target.finish();
    }
  } catch {
    // The guest unmapped or destroyed the buffer after Dawn mapped it and before we came here.
    target?.cancel();
    state.returns.mapResult(requestId, 'aborted', 'the buffer was unmapped before its contents were read');
    return;
  }
  state.returns.mapResult(requestId, 'success', '');
}

function writeMapped(state: ContextState, id: number, offset: number, data: Uint8Array): void {
  const range = state.mappings.get(id);
  // Written to a buffer that is mapped no more, or whose creation failed: its errors have been raised elsewhere.
  if (range === undefined) return;
  const start = offset - range.offset;
  if (start < 0 || start + data.length > range.length) {
    state.fail(
      `bytes ${offset} to ${offset + data.length} are outside the mapped range at ${range.offset}, ${range.length} bytes`,
    );
    return;
  }
  try {
    range.visit(start, data.length, (bytes, position) => {
      bytes.set(data.subarray(position, position + bytes.length));
    });
  } catch (error) {
    state.scopes.inject({ type: 'out-of-memory', message: messageOf(error) });
  }
}
