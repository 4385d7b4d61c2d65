import { type ReturnHandlers, returns, StreamWriter } from '@dxgwire/protocol/stream';

/** Most compilation messages that are sent back for one module. */
const MAX_COMPILATION_MESSAGES = 64;

/** Collects return records and hands them over once per turn. */
export class ReturnsWriter {
  private readonly writer = new StreamWriter(256);
  private readonly send: (records: Uint8Array) => void;
  private readonly maxMessageUnits: number;
  private scheduled = false;
  /** Requests that have no answer yet. */
  pendingRequests = 0;
  /** Called when the last request was answered, its answer sent. */
  onIdle: () => void = () => {};

  /** @param maxMessageUnits longest text in a record, UTF-16 units; the rest is cut off. */
  constructor(send: (records: Uint8Array) => void, maxMessageUnits: number) {
    this.send = send;
    this.maxMessageUnits = maxMessageUnits;
  }

  /** A request begins: one of the methods that take its id answers it. */
  expect(): void {
    this.pendingRequests += 1;
  }

  deviceResult(...[value]: Parameters<ReturnHandlers['deviceResult']>): void {
    returns.deviceResult(this.writer, { ...value, message: this.cut(value.message) });
    this.written();
  }

  mapResult(requestId: number, status: Parameters<ReturnHandlers['mapResult']>[1], message: string): void {
    returns.mapResult(this.writer, requestId, status, this.cut(message));
    this.answered();
  }

  errorScopeResult(
    requestId: number,
    status: Parameters<ReturnHandlers['errorScopeResult']>[1],
    type: GPUErrorFilter,
    message: string,
  ): void {
    returns.errorScopeResult(this.writer, requestId, status, type, this.cut(message));
    this.answered();
  }

  pipelineResult(requestId: number, status: 'success' | GPUPipelineErrorReason, message: string): void {
    returns.pipelineResult(this.writer, requestId, status, this.cut(message));
    this.answered();
  }

  compilationInfo(requestId: number, messages: readonly GPUCompilationMessage[]): void {
    const sent = messages.slice(0, MAX_COMPILATION_MESSAGES);
    const share = Math.max(64, Math.floor(this.maxMessageUnits / Math.max(1, sent.length)));
    returns.compilationInfo(this.writer, {
      requestId,
      messages: sent.map(({ message, type, lineNum, linePos, offset, length }) => {
        return { message: message.slice(0, share), type, lineNum, linePos, offset, length };
      }),
    });
    this.answered();
  }

  workDone(requestId: number): void {
    returns.workDone(this.writer, requestId);
    this.answered();
  }

  uncapturedError(type: GPUErrorFilter, message: string): void {
    returns.uncapturedError(this.writer, type, this.cut(message));
    this.written();
  }

  deviceLost(reason: GPUDeviceLostReason, message: string): void {
    returns.deviceLost(this.writer, reason, this.cut(message));
    this.written();
  }

  /** Hands over what was written. */
  flush(): void {
    if (this.writer.words === 0) return;
    this.send(this.writer.view());
    this.writer.reset();
  }

  /** What was expected has ended without an answer of its own. */
  settle(): void {
    this.answered();
  }

  private answered(): void {
    this.pendingRequests -= 1;
    this.written();
  }

  private written(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.flush();
      if (this.pendingRequests === 0) this.onIdle();
    });
  }

  private cut(message: string): string {
    return message.length <= this.maxMessageUnits
      ? message
      : `${message.slice(0, this.maxMessageUnits - 1)}…`;
  }
}
