/**
 * Parts below the public surface, for this project's own fuzzer, and in the package only so that its list of entries is true. Anything here may
 * change at any time.
 */
export { Rig } from '../backends/webgpu/testing/rig.ts';
export { Scene } from '../backends/webgpu/testing/scene.ts';
export { FakeGuestMemory, FakeWindow } from '../model/fake-bus.ts';
export { FakeClock } from '../scheduler/fake-clock.ts';
