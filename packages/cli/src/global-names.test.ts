import assert from 'node:assert/strict';
import { it } from 'node:test';
import { globals } from '@dxgwire/guest/webgpu';
import { GLOBAL_NAMES } from './global-names.ts';

it('names all globals of WebGPU', () => {
  assert.deepEqual([...GLOBAL_NAMES].sort(), Object.keys(globals).sort());
});
