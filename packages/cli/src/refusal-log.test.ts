import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSilentLog } from '@dxgwire/host';
import { TransportError } from '@dxgwire/transport';
import { refusalLog } from './refusal-log.ts';

describe('the log of what is not let in', () => {
  it('has a line for each, and bounded many of them', () => {
    const warned: object[] = [];
    const debugged: object[] = [];
    let nowMs = 1000;
    const log = {
      ...createSilentLog(),
      warn: (object: object, message: string) => warned.push({ ...object, message }),
      debug: (object: object) => debugged.push(object),
    };
    const refused = refusalLog(log, () => nowMs);
    refused(new TransportError('peer-closed', 'gone'), 'a');
    assert.deepEqual([warned.length, debugged.length], [0, 1]);
    for (let i = 0; i < 50; i += 1) refused(new TransportError('refused', 'a token\nis needed'), `peer ${i}`);
    assert.equal(warned.length, 20);
    assert.deepEqual(warned[0], {
      peer: 'peer 0',
      code: 'refused',
      message: 'not let in: a token is needed',
    });
    nowMs += 60_000;
    refused(new Error('strange'), 'b');
    assert.deepEqual(warned[20], {
      peer: 'b',
      code: undefined,
      othersUnsaid: 30,
      message: 'not let in: strange',
    });
    refused(new Error('strange'), 'c');
    assert.deepEqual(Object.keys(warned[21] ?? {}), ['peer', 'code', 'message']);
  });
});
