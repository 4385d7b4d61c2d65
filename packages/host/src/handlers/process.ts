import { NtStatus } from '@dxgwire/protocol';
import { later, type SomeHandlers } from '../handler.ts';

/** Process commands. The name and number that the guest gives are labels; its kernel address is not looked at. */
export const processHandlers: SomeHandlers<'createProcess' | 'destroyProcess'> = {
  createProcess(call) {
    const process = call.partition.createProcess();
    return process === null ? NtStatus.noMemory : { hprocess: process.handle };
  },

  destroyProcess(call) {
    const { partition } = call;
    const process = partition.findProcess(call.processHandle);
    if (process === undefined) return NtStatus.invalidParameter;
    return later((complete) => partition.destroyProcess(process, () => complete(NtStatus.success)));
  },
};
