import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gpuProcessEnvironment } from './process-environment.ts';

const OURS = 'glibc.cpu.x86_non_temporal_threshold=0x400000';

test('a GPU process has settings for its C library, and all that the host has', () => {
  assert.deepEqual(gpuProcessEnvironment({ PATH: '/bin', DXGWIRE_PROGRAM: '1' }), {
    PATH: '/bin',
    DXGWIRE_PROGRAM: '',
    GLIBC_TUNABLES: OURS,
  });
});

test('what the user has set for the C library holds', () => {
  const tunablesOf = (given: string) => gpuProcessEnvironment({ GLIBC_TUNABLES: given })['GLIBC_TUNABLES'];
  assert.equal(tunablesOf(''), OURS);
  assert.equal(tunablesOf('glibc.malloc.check=3'), `${OURS}:glibc.malloc.check=3`);
  const own = 'glibc.cpu.x86_non_temporal_threshold=0x800000:glibc.malloc.check=3';
  assert.equal(tunablesOf(own), own);
});
