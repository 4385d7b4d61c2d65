/** As much of `node:assert/strict` as the compliance suite uses, for a page. */

type Matcher = (error: unknown) => boolean;

function fail(message: string): never {
  throw new Error(message);
}

function show(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ??
    String(value)
  );
}

function isEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isEqual(Reflect.get(a, key), Reflect.get(b, key)));
}

function check(error: unknown, isExpected: Matcher): void {
  if (!isExpected(error)) fail(`it threw something else: ${String(error)}`);
}

const assert = {
  ok(value: unknown, message = `${show(value)} is not true`): void {
    if (!value) fail(message);
  },
  equal(actual: unknown, expected: unknown, message = ''): void {
    if (!Object.is(actual, expected)) fail(`${message} got ${show(actual)}, expected ${show(expected)}`);
  },
  notEqual(actual: unknown, expected: unknown, message = ''): void {
    if (Object.is(actual, expected)) fail(`${message} got ${show(actual)}`);
  },
  deepEqual(actual: unknown, expected: unknown, message = ''): void {
    if (!isEqual(actual, expected)) fail(`${message} got ${show(actual)}, expected ${show(expected)}`);
  },
  match(text: string, pattern: RegExp): void {
    if (!pattern.test(text)) fail(`"${text}" does not match ${pattern}`);
  },
  throws(call: () => unknown, isExpected: Matcher): void {
    try {
      call();
    } catch (error) {
      check(error, isExpected);
      return;
    }
    fail('it did not throw');
  },
  async rejects(promise: Promise<unknown>, isExpected: Matcher): Promise<void> {
    try {
      await promise;
    } catch (error) {
      check(error, isExpected);
      return;
    }
    fail('it was not rejected');
  },
};

export default assert;
