// Dear ImGui: C++ compiled to WebAssembly with Dawn's bindings, which reach WebGPU through handles; three frames of a window.
import { readTexture, report } from './digest.mjs';

const WIDTH = 320;
const HEIGHT = 240;

// The package is built for browsers and refuses Node by its version; the rest is where it would listen for input.
Object.defineProperty(process, 'versions', { value: {} });
process.type = 'renderer';
Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true });
const element = { style: {}, addEventListener() {} };
globalThis.window = globalThis;
globalThis.addEventListener = () => {};
globalThis.document = { ...element, baseURI: 'file:///', createElement: () => ({ ...element }) };
globalThis.ResizeObserver = class {
  observe() {}
};
const canvas = { ...element, width: WIDTH, height: HEIGHT, clientWidth: WIDTH, clientHeight: HEIGHT };

const { ImGui, ImGuiImplWeb, ImVec2 } = await import('@mori2003/jsimgui');
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
device.onuncapturederror = ({ error }) => console.log(error.message);
await ImGuiImplWeb.Init({ canvas, device, backend: 'webgpu' });
const target = device.createTexture({
  size: [WIDTH, HEIGHT],
  format: navigator.gpu.getPreferredCanvasFormat(),
  usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC,
});
for (let frame = 0; frame < 3; frame++) {
  ImGuiImplWeb.BeginRender();
  // By the clock otherwise, which animations show.
  ImGui.GetIO().DeltaTime = 1 / 60;
  ImGui.SetNextWindowPos(new ImVec2(10, 10));
  ImGui.SetNextWindowSize(new ImVec2(200, 150));
  ImGui.Begin('A window');
  ImGui.Text(`frame ${frame}`);
  ImGui.ColorEdit3('color', [0.2, 0.8, frame / 3]);
  ImGui.End();
  ImGui.ShowDemoWindow();
  const encoder = device.createCommandEncoder();
  const clearValue = [0.1, 0.2, 0.3, 1];
  const pass = encoder.beginRenderPass({
    colorAttachments: [{ view: target.createView(), loadOp: 'clear', storeOp: 'store', clearValue }],
  });
  ImGuiImplWeb.EndRender(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  report(`frame ${frame}`, await readTexture(device, target));
}
process.exit(0);
