// three.js: a lit scene with shadows and instances, rendered to a target and read back.
import * as THREE from 'three/webgpu';
import { report } from './digest.mjs';

globalThis.self ??= globalThis;
// Shadows are renewed once per animation frame: ours come by hand, one before each picture, not by the clock.
let animate = () => {};
globalThis.requestAnimationFrame = (callback) => {
  animate = callback;
  return 1;
};
globalThis.cancelAnimationFrame = () => {};
const canvas = { width: 128, height: 128, style: {}, addEventListener() {}, removeEventListener() {} };
canvas.getContext = () => ({ configure() {}, unconfigure() {}, getCurrentTexture: () => null });
const renderer = new THREE.WebGPURenderer({ canvas, antialias: false });
await renderer.init();
renderer.shadowMap.enabled = true;
console.log(renderer.backend.isWebGPUBackend === true);

const scene = new THREE.Scene();
scene.background = new THREE.Color(0x203040);
const camera = new THREE.PerspectiveCamera(50, 1, 0.1, 100);
camera.position.set(3, 3, 5);
camera.lookAt(0, 0, 0);
const light = new THREE.DirectionalLight(0xffffff, 3);
light.position.set(4, 6, 3);
light.castShadow = true;
light.shadow.mapSize.set(256, 256);
scene.add(light, new THREE.AmbientLight(0x404040));
const ground = new THREE.Mesh(
  new THREE.PlaneGeometry(8, 8),
  new THREE.MeshStandardMaterial({ color: 0x808080 }),
);
ground.rotation.x = -Math.PI / 2;
ground.position.y = -1;
ground.receiveShadow = true;
scene.add(ground);
const knot = new THREE.Mesh(
  new THREE.TorusKnotGeometry(0.7, 0.25, 64, 12),
  new THREE.MeshStandardMaterial({ color: 0xff6020, roughness: 0.4, metalness: 0.2 }),
);
knot.castShadow = true;
scene.add(knot);
const boxes = new THREE.InstancedMesh(
  new THREE.BoxGeometry(0.3, 0.3, 0.3),
  new THREE.MeshPhongMaterial(),
  16,
);
for (let i = 0; i < 16; i++) {
  boxes.setMatrixAt(
    i,
    new THREE.Matrix4().makeTranslation(Math.cos(i) * 2, Math.sin(i * 2), Math.sin(i) * 2),
  );
  boxes.setColorAt(i, new THREE.Color().setHSL(i / 16, 0.8, 0.5));
}
scene.add(boxes);
const pixels = new Uint8Array(16 * 16 * 4).map((_, index) => (index * 37) & 255);
const texture = new THREE.DataTexture(pixels, 16, 16);
texture.generateMipmaps = true;
texture.minFilter = THREE.LinearMipmapLinearFilter;
texture.colorSpace = THREE.SRGBColorSpace;
texture.needsUpdate = true;
const sprite = new THREE.Mesh(
  new THREE.PlaneGeometry(1, 1),
  new THREE.MeshBasicMaterial({ map: texture, transparent: true }),
);
sprite.position.set(-1.5, 0.5, 1);
scene.add(sprite);

const target = new THREE.RenderTarget(128, 128, { samples: 4 });
renderer.setRenderTarget(target);
for (let frame = 0; frame < 3; frame++) {
  knot.rotation.y = frame * 0.3;
  animate(frame * 16);
  renderer.render(scene, camera);
  report(`frame ${frame}`, await renderer.readRenderTargetPixelsAsync(target, 0, 0, 128, 128));
}
process.exit(0);
