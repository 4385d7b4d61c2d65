import assert from 'node:assert/strict';
import { isTransportError, type TransportErrorCode } from '../errors.ts';

/** How a promise was rejected; anything but a TransportError fails the test. `code` is null when it was not rejected. */
export async function failure(
  promise: Promise<unknown>,
): Promise<{ code: TransportErrorCode | null; message: string }> {
  try {
    await promise;
    return { code: null, message: '' };
  } catch (error) {
    assert.ok(isTransportError(error), String(error));
    return { code: error.code, message: error.message };
  }
}
