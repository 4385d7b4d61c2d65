import { isProtocolError } from '@dxgwire/protocol';
import { decodeStream, returns, type StreamHandlers, StreamWriter } from '@dxgwire/protocol/stream';

const PREFIX_BYTES = 8;

/** What a GPU answers to the requests in a submission's private data, as records of the return ring. */
export function answersTo(privateData: Uint8Array): Uint8Array {
  const writer = new StreamWriter();
  const answers: Readonly<Record<string, (first: never, ...rest: never[]) => void>> = {
    createDevice: ({ requestId }: { requestId: number }) =>
      returns.deviceResult(writer, {
        requestId,
        ok: true,
        errorName: '',
        message: '',
        features: [],
        limits: [],
      }),
    destroyDevice: () => returns.deviceLost(writer, 'destroyed', 'destroyed'),
    mapAsync: (requestId: number) => returns.mapResult(writer, requestId, 'success', ''),
    popErrorScope: (requestId: number) =>
      returns.errorScopeResult(writer, requestId, 'no-error', 'validation', ''),
    onSubmittedWorkDone: (requestId: number) => returns.workDone(writer, requestId),
    getCompilationInfo: (requestId: number) => returns.compilationInfo(writer, { requestId, messages: [] }),
    createComputePipelineAsync: ({ requestId }: { requestId: number }) =>
      returns.pipelineResult(writer, requestId, 'success', ''),
  };
  const ignore = (): void => {};
  const handlers = new Proxy(answers, { get: (known, name) => known[String(name)] ?? ignore });
  try {
    decodeStream(privateData.subarray(PREFIX_BYTES), handlers as unknown as StreamHandlers);
  } catch (error) {
    // Private data of the tests of the D3DKMT calls are no stream.
    if (!isProtocolError(error)) throw error;
  }
  return writer.view().slice();
}
