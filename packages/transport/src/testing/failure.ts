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

/** The promise is rejected with a TransportError of this code, whose message matches. */
export async function fails(
  promise: Promise<unknown>,
  code: TransportErrorCode,
  pattern: RegExp,
): Promise<void> {
  const { code: found, message } = await failure(promise);
  assert.equal(found, code, message);
  assert.match(message, pattern);
}
