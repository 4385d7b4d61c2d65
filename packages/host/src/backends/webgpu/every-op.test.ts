import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ops as allOps, type StreamOpName, streamOps } from '@dxgwire/protocol/stream';
import type { Backend } from '../contract.ts';
import { createWebgpuBackend } from './index.ts';
import { Rig } from './testing/rig.ts';
import { Scene } from './testing/scene.ts';

/** Ops that this device has no feature for, or that end the device. */
const LEFT_OUT: readonly StreamOpName[] = [
  'multiDrawIndirect',
  'multiDrawIndexedIndirect',
  'writeTimestamp',
  'destroyDevice',
];

let backend: Backend;
before(async () => {
  backend = await createWebgpuBackend({ vulkan: 'bundled' });
});
after(() => backend.close());

/** The writers, with a note of which were used. */
function watched(used: Set<string>): typeof allOps {
  return new Proxy(allOps, {
    get(target, name) {
      used.add(String(name));
      return target[name as StreamOpName];
    },
  });
}

test('every op of the stream is executed, and Dawn finds nothing wrong with any', async () => {
  const rig = await Rig.open(backend);
  try {
    await rig.createDevice(['timestamp-query']);
    const used = new Set<string>(['createDevice', ...LEFT_OUT]);
    const ops = watched(used);
    const { writer } = rig;
    const scene = new Scene(rig, ops);
    ops.pushErrorScope(writer, 'validation');
    scene.resources();
    scene.layouts();
    scene.pipelines();
    scene.bundle();
    scene.commands();
    ops.setLabel(writer, scene.id('data'), 'named later');
    ops.setDeviceLabel(writer, 'device');
    ops.setQueueLabel(writer, 'queue');
    const [scope, done, map] = [rig.request(), rig.request(), rig.request()];
    ops.popErrorScope(writer, scope);
    ops.onSubmittedWorkDone(writer, done);
    ops.mapAsync(writer, map, scene.id('result'), 1, 0, 64 * 256, rig.stagingAddress + 65_536, 0);
    ops.returnsConsumed(writer, 0, 0);
    ops.releaseObjects(writer, [scene.id('gone')]);
    ops.injectError(writer, 'internal', 'last');
    assert.deepEqual(await rig.submit(), { kind: 'completed' });
    const [, status, , message] = await rig.take('errorScopeResult', ([id]) => id === scope);
    assert.equal(status, 'no-error', String(message));
    await rig.take('workDone', ([id]) => id === done);
    assert.equal((await rig.take('mapResult', ([id]) => id === map))[1], 'success');
    assert.deepEqual([...rig.staging.subarray(65_536, 65_540)], [255, 255, 255, 255]);
    assert.equal((await rig.take('uncapturedError'))[1], 'last');
    for (let index = 0; index < 2; index++) assert.equal((await rig.take('pipelineResult'))[1], 'success');
    await rig.take('compilationInfo');
    assert.deepEqual(rig.returned, []);
    assert.deepEqual(
      Object.keys(streamOps).filter((name) => !used.has(name)),
      [],
    );
  } finally {
    await rig.close();
  }
});
