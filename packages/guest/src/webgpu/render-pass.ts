import { ops } from '@dxgwire/protocol/stream';
import { color } from './geometry.ts';
import { type CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase } from './object-state.ts';
import { includeBindingCommands, includeDebugCommands, includeRenderCommands } from './pass-commands.ts';
import type { PassState } from './recorder.ts';
import { renderBundleId } from './render-bundle.ts';
import { float, sequence, u32 } from './webidl.ts';

let stateOf!: (pass: GPURenderPassEncoder) => PassState;

const bundleList = sequence(renderBundleId);

/** GPURenderPassEncoder */
export class GPURenderPassEncoder {
  readonly #state: PassState;
  constructor(key: typeof CONSTRUCT, state: PassState) {
    guardConstructor(key, 'GPURenderPassEncoder');
    this.#state = state;
  }
  setViewport(
    x: number,
    y: number,
    width: number,
    height: number,
    minDepth: number,
    maxDepth: number,
  ): undefined {
    const state = this.#state;
    const left = float(x, 'x');
    const top = float(y, 'y');
    const w = float(width, 'width');
    const h = float(height, 'height');
    const near = float(minDepth, 'minDepth');
    const far = float(maxDepth, 'maxDepth');
    const writer = state.open('SetViewport');
    if (writer !== null) ops.setViewport(writer, left, top, w, h, near, far);
  }
  setScissorRect(x: number, y: number, width: number, height: number): undefined {
    const state = this.#state;
    const left = u32(x, 'x');
    const top = u32(y, 'y');
    const w = u32(width, 'width');
    const h = u32(height, 'height');
    const writer = state.open('SetScissorRect');
    if (writer !== null) ops.setScissorRect(writer, left, top, w, h);
  }
  setBlendConstant(constant: GPUColor): undefined {
    const state = this.#state;
    const { r, g, b, a } = color(constant, 'color');
    const writer = state.open('SetBlendConstant');
    if (writer !== null) ops.setBlendConstant(writer, r, g, b, a);
  }
  setStencilReference(reference: number): undefined {
    const state = this.#state;
    const value = u32(reference, 'reference');
    const writer = state.open('SetStencilReference');
    if (writer !== null) ops.setStencilReference(writer, value);
  }
  beginOcclusionQuery(queryIndex: number): undefined {
    const state = this.#state;
    const index = u32(queryIndex, 'queryIndex');
    const writer = state.open('BeginOcclusionQuery');
    if (writer !== null) ops.beginOcclusionQuery(writer, index);
  }
  endOcclusionQuery(): undefined {
    const writer = this.#state.open('EndOcclusionQuery');
    if (writer !== null) ops.endOcclusionQuery(writer);
  }
  executeBundles(bundles: Iterable<object>): undefined {
    const state = this.#state;
    const ids = bundleList(bundles, 'bundles', state);
    const writer = state.open('ExecuteBundles');
    if (writer !== null) ops.executeBundles(writer, ids);
  }
  end(): undefined {
    this.#state.end();
  }
  static {
    stateOf = (pass) => pass.#state;
  }
}
defineInterface(GPURenderPassEncoder, 'GPURenderPassEncoder');
includeObjectBase(GPURenderPassEncoder, stateOf);
includeDebugCommands(GPURenderPassEncoder, 'pass', stateOf);
includeBindingCommands(GPURenderPassEncoder, stateOf);
includeRenderCommands(GPURenderPassEncoder, stateOf);
