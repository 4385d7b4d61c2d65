// three.js: compute written in its shading language, storage buffers read back.

import { Fn, float, hash, instancedArray, instanceIndex, sin, vec4 } from 'three/tsl';
import * as THREE from 'three/webgpu';
import { report } from './digest.mjs';

globalThis.self ??= globalThis;
globalThis.requestAnimationFrame ??= (callback) => setTimeout(callback, 16);
globalThis.cancelAnimationFrame ??= clearTimeout;
const canvas = { width: 16, height: 16, style: {}, addEventListener() {}, removeEventListener() {} };
canvas.getContext = () => ({ configure() {}, unconfigure() {}, getCurrentTexture: () => null });
const renderer = new THREE.WebGPURenderer({ canvas });
await renderer.init();
const count = 4096;
const particles = instancedArray(count, 'vec4');
const start = Fn(() => {
  particles.element(instanceIndex).assign(vec4(hash(instanceIndex), hash(instanceIndex.add(7)), 0, 1));
})().compute(count);
const step = Fn(() => {
  const particle = particles.element(instanceIndex);
  particle.z.assign(particle.z.add(sin(particle.x.mul(float(6.28))).mul(0.1)));
  particle.w.assign(particle.w.mul(0.5).add(particle.y));
})().compute(count);
await renderer.computeAsync(start);
report('start', await renderer.getArrayBufferAsync(particles.value));
for (let index = 0; index < 10; index++) await renderer.computeAsync(step);
report('steps', await renderer.getArrayBufferAsync(particles.value));
process.exit(0);
