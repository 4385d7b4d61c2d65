import type { ReturnsWriter } from './returns-writer.ts';

/** An error as it travels. */
export interface CapturedError {
  readonly type: GPUErrorFilter;
  readonly message: string;
}

interface Scope {
  readonly filter: GPUErrorFilter;
  /** What was captured so far, in order; the device's own scope that is open now comes behind. */
  readonly pieces: Promise<CapturedError | null>[];
}

/** What kind of error Dawn gave. */
export function captured(error: GPUError): CapturedError {
  const type =
    error instanceof GPUValidationError
      ? 'validation'
      : error instanceof GPUOutOfMemoryError
        ? 'out-of-memory'
        : 'internal';
  return { type, message: error.message };
}

/**
 * The error scopes of one device. The device keeps scopes of its own for the errors that it finds; this keeps the
 * same stack beside it for two reasons: popping an empty stack has to be told apart from finding nothing (Dawn for
 * Node gives null for both), and errors found outside Dawn need their right place among Dawn's.
 */
export class ErrorScopes {
  private readonly stack: Scope[] = [];
  private readonly device: GPUDevice;
  private readonly returns: ReturnsWriter;

  constructor(device: GPUDevice, returns: ReturnsWriter) {
    this.device = device;
    this.returns = returns;
  }

  push(filter: GPUErrorFilter): void {
    this.device.pushErrorScope(filter);
    this.stack.push({ filter, pieces: [] });
  }

  pop(requestId: number): void {
    this.returns.expect();
    const scope = this.stack.pop();
    if (scope === undefined) {
      // Dawn's stack is as empty: its promise says when it is this one's turn.
      const answer = (): void =>
        this.returns.errorScopeResult(
          requestId,
          'empty-stack',
          'validation',
          'there is no error scope to pop',
        );
      this.device.popErrorScope().then(answer, answer);
      return;
    }
    if (scope.pieces.length === 0) {
      // Answered in the very reaction to Dawn's promise, which keeps the order of Dawn's promises.
      this.device.popErrorScope().then(
        (error) => this.answer(requestId, error === null ? null : captured(error)),
        () => this.answer(requestId, null),
      );
      return;
    }
    this.takePiece(scope);
    void Promise.all(scope.pieces).then((pieces) => {
      this.answer(requestId, pieces.find((piece) => piece !== null) ?? null);
    });
  }

  private answer(requestId: number, error: CapturedError | null): void {
    if (error === null) this.returns.errorScopeResult(requestId, 'no-error', 'validation', '');
    else this.returns.errorScopeResult(requestId, 'error', error.type, error.message);
  }

  /** Raises an error at this place among the device's own. */
  inject(error: CapturedError): void {
    this.injectLater(Promise.resolve(error), [error.type]);
  }

  /** Raises an error of one of these types, or none, that is known later; its place is here. */
  injectLater(error: Promise<CapturedError | null>, types: readonly GPUErrorFilter[]): void {
    for (const type of types) {
      const own = error.then((value) => (value?.type === type ? value : null));
      const index = this.stack.findLastIndex(({ filter }) => filter === type);
      if (index >= 0) {
        this.splice(index, own);
      } else {
        void own.then((value) => {
          if (value !== null) this.returns.uncapturedError(value.type, value.message);
        });
      }
    }
  }

  /**
   * Puts an error into the scope at `index`: the device's scopes down to that one are closed and opened again, so
   * that what they hold counts as earlier and what they get from now on as later.
   */
  private splice(index: number, error: Promise<CapturedError | null>): void {
    for (const scope of this.stack.slice(index).reverse()) this.takePiece(scope);
    this.stack[index]!.pieces.push(error);
    for (const { filter } of this.stack.slice(index)) this.device.pushErrorScope(filter);
  }

  private takePiece(scope: Scope): void {
    const piece = this.device.popErrorScope().then(
      (error) => (error === null ? null : captured(error)),
      () => null,
    );
    scope.pieces.push(piece);
  }
}
