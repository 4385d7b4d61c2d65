import type { StreamGroupHandlers } from '@dxgwire/protocol/stream';
import type { ContextState } from './context-state.ts';

/** Error scopes, names, the end of objects. */
export function deviceHandlers(state: ContextState): Omit<StreamGroupHandlers<'device'>, 'createDevice'> {
  return {
    destroyDevice() {
      state.expectLoss();
      state.mappings.clear();
      state.device.destroy();
    },
    setDeviceLabel(label) {
      state.device.label = label;
    },
    setQueueLabel(label) {
      state.queue.label = label;
    },
    setLabel(id, label) {
      const entry = state.objects.find(id);
      if (entry !== undefined) entry.object.label = label;
    },
    releaseObjects(ids) {
      for (let index = 0; index < ids.length; index++) state.release(ids[index]!);
    },
    returnsConsumed() {
      // The writer of the ring is elsewhere and reads this record by itself.
    },
    pushErrorScope(filter) {
      state.scopes.push(filter);
    },
    popErrorScope(requestId) {
      state.scopes.pop(requestId);
    },
    injectError(type, message) {
      state.scopes.inject({ type, message });
    },
  };
}
