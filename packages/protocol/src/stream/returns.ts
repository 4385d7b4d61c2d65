import * as enums from './enums.ts';
import { limit } from './ops/device.ts';
import { arg, array, bool, object, oneOf, positional, rest, string, struct, u32 } from './schema.ts';

/** How a mapAsync() ended: `error` rejects with OperationError, `aborted` with AbortError. */
export const mapStatus = ['success', 'error', 'aborted'] as const;

/** What popErrorScope() gives: `empty-stack` rejects with OperationError. */
export const errorScopeStatus = ['no-error', 'error', 'empty-stack'] as const;

/** How an asynchronous pipeline creation ended; the failures are reasons of GPUPipelineError. */
export const pipelineStatus = ['success', 'validation', 'internal'] as const;

/** What the backend writes into the return ring: the answers to requests, and what happened by itself. */
export const returnOps = {
  skip: positional(1, [arg('padding', rest)], 'Nothing: fills the ring to its end.'),
  deviceResult: object(
    2,
    {
      requestId: u32,
      ok: bool,
      /** Name of the exception to reject with when not ok: `OperationError`, `TypeError`. */
      errorName: string,
      message: string,
      features: array(string),
      limits: array(limit),
    },
    'How createDevice ended, and what the device really has.',
  ),
  mapResult: positional(
    3,
    [arg('requestId', u32), arg('status', oneOf(mapStatus)), arg('message', string)],
    'How mapAsync ended. The bytes are where it said, by then.',
  ),
  errorScopeResult: positional(
    4,
    [
      arg('requestId', u32),
      arg('status', oneOf(errorScopeStatus)),
      arg('type', oneOf(enums.errorFilter)),
      arg('message', string),
    ],
    'What popErrorScope found; type and message count with status `error`.',
  ),
  pipelineResult: positional(
    5,
    [arg('requestId', u32), arg('status', oneOf(pipelineStatus)), arg('message', string)],
    'How an asynchronous pipeline creation ended.',
  ),
  compilationInfo: object(
    6,
    {
      requestId: u32,
      messages: array(
        struct({
          message: string,
          type: oneOf(enums.compilationMessageType),
          lineNum: u32,
          linePos: u32,
          offset: u32,
          length: u32,
        }),
      ),
    },
    'Messages of a shader module; places in UTF-16 units, as the standard says.',
  ),
  workDone: positional(
    7,
    [arg('requestId', u32)],
    'onSubmittedWorkDone() is fulfilled; so it is when the device was lost.',
  ),
  uncapturedError: positional(
    8,
    [arg('type', oneOf(enums.errorFilter)), arg('message', string)],
    'An error that no scope took: an uncapturederror event.',
  ),
  deviceLost: positional(
    9,
    [arg('reason', oneOf(enums.deviceLostReason)), arg('message', string)],
    'GPUDevice.lost: once per device.',
  ),
} as const;
