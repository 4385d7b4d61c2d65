// three.js: particles moved by compute shaders, storage textures, a sort on the GPU, batches, draws that a shader
// decides on, and a chain of effects behind the picture.
import { BitonicSort } from 'three/addons/gpgpu/BitonicSort.js';
import { bloom } from 'three/addons/tsl/display/BloomNode.js';
import { fxaa } from 'three/addons/tsl/display/FXAANode.js';
import * as TSL from 'three/tsl';
import * as THREE from 'three/webgpu';
import { report } from './digest.mjs';

globalThis.self ??= globalThis;
// Effects are renewed once per animation frame: ours come by hand, one before each picture.
let animate = () => {};
globalThis.requestAnimationFrame = (callback) => {
  animate = callback;
  return 1;
};
globalThis.cancelAnimationFrame = () => {};
const [WIDTH, HEIGHT] = [96, 64];
const canvas = { width: WIDTH, height: HEIGHT, style: {}, addEventListener() {}, removeEventListener() {} };
canvas.getContext = () => ({ configure() {}, unconfigure() {}, getCurrentTexture: () => null });
const renderer = new THREE.WebGPURenderer({ canvas, antialias: true });
renderer.setSize(WIDTH, HEIGHT, false);
await renderer.init();
console.log(renderer.backend.isWebGPUBackend === true);
const camera = new THREE.PerspectiveCamera(50, WIDTH / HEIGHT, 0.1, 100);
camera.position.set(3, 2, 6);
camera.lookAt(0, 0, 0);
const target = new THREE.RenderTarget(WIDTH, HEIGHT);
const readTarget = () => renderer.readRenderTargetPixelsAsync(target, 0, 0, WIDTH, HEIGHT);
const readArray = async (node) => new Uint32Array(await renderer.getArrayBufferAsync(node.value));

const COUNT = 2000;
const { Fn, If, float, hash, instanceIndex, instancedArray, uint, uvec3, vec3, vec4 } = TSL;
const positions = instancedArray(COUNT, 'vec3');
const speeds = instancedArray(COUNT, 'vec3');
const scatter = Fn(() => {
  const random = (seed) => hash(instanceIndex.add(seed)).sub(0.5);
  positions.element(instanceIndex).assign(vec3(random(0), random(1).add(0.5), random(2)).mul(4));
});
const fall = Fn(() => {
  const position = positions.element(instanceIndex);
  const speed = speeds.element(instanceIndex);
  speed.y.subAssign(0.01);
  position.addAssign(speed);
  If(position.y.lessThan(-1), () => {
    position.y = -1;
    speed.y = speed.y.negate().mul(0.8);
  });
});
renderer.compute(scatter().compute(COUNT));
for (let step = 0; step < 10; step++) renderer.compute(fall().compute(COUNT));
report('particles', await readArray(positions));

const numbers = Uint32Array.from({ length: 1024 }, (_, index) => Math.imul(index + 1, 2654435761) >>> 16);
const keys = instancedArray(numbers, 'uint');
await new BitonicSort(renderer, keys, { workgroupSize: 64 }).compute(renderer);
const sorted = await readArray(keys);
report('sorted', sorted);
console.log(sorted.every((key, index) => index === 0 || sorted[index - 1] <= key));

const SIDE = 16;
const cloud = new THREE.Storage3DTexture(SIDE, SIDE, SIDE);
const fill = Fn(() => {
  const at = uvec3(
    instanceIndex.mod(SIDE),
    instanceIndex.div(SIDE).mod(SIDE),
    instanceIndex.div(SIDE * SIDE),
  );
  TSL.textureStore(cloud, at, vec4(hash(instanceIndex), float(at.x).div(SIDE), float(at.y).div(SIDE), 1));
});
renderer.compute(fill().compute(SIDE ** 3));

const scene = new THREE.Scene();
const sprites = new THREE.Sprite(new THREE.SpriteNodeMaterial({ color: 0xffaa44 }));
sprites.material.positionNode = positions.toAttribute();
sprites.material.scaleNode = float(0.06);
sprites.count = COUNT;
sprites.frustumCulled = false;
const slice = new THREE.Mesh(new THREE.PlaneGeometry(2, 2), new THREE.MeshBasicNodeMaterial());
slice.material.colorNode = TSL.texture3D(
  cloud,
  TSL.uv()
    .toVec3()
    .add(vec3(0, 0, 0.4)),
  0,
);
slice.position.set(-2, 0, 0);
const batch = new THREE.BatchedMesh(40, 2000, 4000, new THREE.MeshNormalMaterial());
const shapes = [new THREE.BoxGeometry(0.4, 0.4, 0.4), new THREE.ConeGeometry(0.3, 0.5, 8)];
const ids = shapes.map((shape) => batch.addGeometry(shape));
for (let index = 0; index < 30; index++) {
  const place = new THREE.Matrix4().makeTranslation((index % 6) * 0.6, Math.floor(index / 6) * 0.5 - 1, 0);
  batch.setMatrixAt(batch.addInstance(ids[index % 2]), place);
}
const box = new THREE.BoxGeometry(0.3, 0.3, 0.3);
const arguments_ = new THREE.IndirectStorageBufferAttribute(
  new Uint32Array([box.index.count, 0, 0, 0, 0]),
  5,
);
box.setIndirect(arguments_);
const decide = Fn(() => {
  TSL.storage(arguments_, 'uint', 5).element(1).assign(uint(7));
});
renderer.compute(decide().compute(1));
const decided = new THREE.Mesh(box, new THREE.MeshNormalNodeMaterial());
decided.material.positionNode = TSL.positionLocal.add(vec3(0, 0, float(instanceIndex).mul(-0.5)));
decided.count = 7;
decided.frustumCulled = false;
scene.add(sprites, slice, batch, decided);

const Effects = THREE.RenderPipeline ?? THREE.PostProcessing;
const effects = new Effects(renderer);
const picture = TSL.pass(scene, camera);
const colour = picture.getTextureNode('output');
effects.outputNode = fxaa(TSL.renderOutput(colour.add(bloom(colour, 0.8, 0.4, 0.1))));
effects.outputColorTransform = false;
renderer.setRenderTarget(target);
for (let frame = 0; frame < 2; frame++) {
  animate(frame * 16);
  batch.setVisibleAt(frame, false);
  decided.position.x = frame;
  effects.render();
  report(`frame ${frame}`, await readTarget());
}
process.exit(0);
