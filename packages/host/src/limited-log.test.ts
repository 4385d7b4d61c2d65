import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimitedLog } from './limited-log.ts';
import type { Log } from './log.ts';
import { FakeClock } from './scheduler/index.ts';

function record(lines: string[]): Log {
  const at =
    (level: string) =>
    (object: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(object)}`);
    };
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}

test('a limited log writes 200 lines at once and 10 a second, and says how many it left out', () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const log = createLimitedLog(record(lines), clock);
  const child = log.child({ device: 1 });
  for (let index = 0; index < 1000; index += 1) {
    (index % 2 === 0 ? log : child)[index % 3 === 0 ? 'info' : index % 3 === 1 ? 'warn' : 'error'](
      { index },
      'a line',
    );
  }
  assert.equal(lines.length, 200);
  for (let index = 0; index < 5; index += 1) log.debug({}, 'detail');
  assert.equal(lines.length, 205, 'debug lines are not counted');
  lines.length = 0;
  clock.advance(1000);
  for (let index = 0; index < 100; index += 1) child.warn({}, 'later');
  assert.equal(lines.length, 11);
  assert.equal(lines[0], 'warn lines were left out: this guest causes too many {"lines":800}');
  lines.length = 0;
  clock.advance(3_600_000);
  for (let index = 0; index < 1000; index += 1) log.info({}, 'much later');
  assert.equal(lines.length, 201, 'no more than a burst, however long it was silent');
  assert.match(lines[0]!, /"lines":90\}/);
});
