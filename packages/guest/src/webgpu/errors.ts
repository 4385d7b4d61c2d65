// biome-ignore-all lint/complexity/noArguments: WebIDL tells an argument that is missing from one that is undefined

import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { domString, enumeration, fail, isObject, requireArguments } from './webidl.ts';

/** Base of the errors that error scopes and `uncapturederror` report. */
export class GPUError {
  readonly #message: string;
  constructor(key: typeof CONSTRUCT, message: string) {
    guardConstructor(key, 'GPUError');
    this.#message = message;
  }
  get message(): string {
    return this.#message;
  }
}
defineInterface(GPUError, 'GPUError');

/** The program did something that the standard's validation forbids. */
export class GPUValidationError extends GPUError {
  constructor(message: string) {
    requireArguments(arguments.length, 1, 'GPUValidationError constructor');
    super(CONSTRUCT, domString(message));
  }
}
defineInterface(GPUValidationError, 'GPUValidationError', 1);

/** There was not enough memory. */
export class GPUOutOfMemoryError extends GPUError {
  constructor(message: string) {
    requireArguments(arguments.length, 1, 'GPUOutOfMemoryError constructor');
    super(CONSTRUCT, domString(message));
  }
}
defineInterface(GPUOutOfMemoryError, 'GPUOutOfMemoryError', 1);

/** Something went wrong in the implementation although all requirements were met. */
export class GPUInternalError extends GPUError {
  constructor(message: string) {
    requireArguments(arguments.length, 1, 'GPUInternalError constructor');
    super(CONSTRUCT, domString(message));
  }
}
defineInterface(GPUInternalError, 'GPUInternalError', 1);

/** The error class for an error filter's name, as errors travel. */
export function makeError(type: 'validation' | 'out-of-memory' | 'internal', message: string): GPUError {
  switch (type) {
    case 'validation':
      return new GPUValidationError(message);
    case 'out-of-memory':
      return new GPUOutOfMemoryError(message);
    default:
      return new GPUInternalError(message);
  }
}

const pipelineErrorReason = enumeration('GPUPipelineErrorReason', ['validation', 'internal']);

/** Why a `create…PipelineAsync` promise was rejected. */
export class GPUPipelineError extends DOMException {
  readonly #reason: GPUPipelineErrorReason;
  constructor(message: string | undefined, options: { reason: GPUPipelineErrorReason }) {
    requireArguments(arguments.length, 2, 'GPUPipelineError constructor');
    if (!isObject(options)) fail('GPUPipelineErrorInit', 'is not an object');
    const { reason } = options as { reason?: unknown };
    if (reason === undefined) fail('GPUPipelineErrorInit.reason', 'required member is missing');
    super(message === undefined ? '' : domString(message), 'GPUPipelineError');
    this.#reason = pipelineErrorReason(reason, 'GPUPipelineErrorInit.reason', null);
  }
  get reason(): GPUPipelineErrorReason {
    return this.#reason;
  }
}
defineInterface(GPUPipelineError, 'GPUPipelineError', 1);

/** The event that tells of an error which no scope caught. */
export class GPUUncapturedErrorEvent extends Event {
  readonly #error: GPUError;
  constructor(type: string, init: EventInit & { error: GPUError }) {
    requireArguments(arguments.length, 2, 'GPUUncapturedErrorEvent constructor');
    if (!isObject(init)) fail('GPUUncapturedErrorEventInit', 'is not an object');
    const { error } = init;
    if (!(error instanceof GPUError)) fail('GPUUncapturedErrorEventInit.error', 'is not a GPUError');
    super(domString(type), init);
    this.#error = error;
  }
  get error(): GPUError {
    return this.#error;
  }
}
defineInterface(GPUUncapturedErrorEvent, 'GPUUncapturedErrorEvent', 2);

/** What `GPUDevice.lost` resolves to. */
export class GPUDeviceLostInfo {
  readonly #reason: GPUDeviceLostReason;
  readonly #message: string;
  constructor(key: typeof CONSTRUCT, reason: GPUDeviceLostReason, message: string) {
    guardConstructor(key, 'GPUDeviceLostInfo');
    this.#reason = reason;
    this.#message = message;
  }
  get reason(): GPUDeviceLostReason {
    return this.#reason;
  }
  get message(): string {
    return this.#message;
  }
}
defineInterface(GPUDeviceLostInfo, 'GPUDeviceLostInfo');

/** An exception by its DOM name. */
export function operationError(message: string): DOMException {
  return new DOMException(message, 'OperationError');
}

/** What a pending map is rejected with when `unmap`, `destroy` or the loss of the device cancels it. */
export function abortError(message: string): DOMException {
  return new DOMException(message, 'AbortError');
}
