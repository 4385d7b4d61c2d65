import { type Rig, Scene } from '@dxgwire/host/testing';
import { ops, StreamWriter } from '@dxgwire/protocol/stream';

/** A command stream with every kind of record that a program makes, recorded without a GPU. */
export function sceneStream(): Uint8Array {
  let lastId = 0;
  let lastHandle = 0x100;
  // The scene asks its rig for names and a writer only.
  const rig = {
    writer: new StreamWriter(),
    stagingAddress: 0x10_0000,
    staging: new Uint8Array(1 << 20),
    id: () => (lastId += 1),
    request: () => (lastId += 1),
    memory: () => (lastHandle += 1),
  };
  const scene = new Scene(rig as unknown as Rig, ops);
  scene.resources();
  scene.layouts();
  scene.pipelines();
  scene.bundle();
  scene.commands();
  ops.onSubmittedWorkDone(rig.writer, rig.request());
  ops.mapAsync(rig.writer, rig.request(), scene.id('result'), 1, 0, 64, rig.stagingAddress, 0);
  ops.releaseObjects(rig.writer, [scene.id('gone')]);
  ops.injectError(rig.writer, 'internal', 'last');
  return rig.writer.view().slice();
}
