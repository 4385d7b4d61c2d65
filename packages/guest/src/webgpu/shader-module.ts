import { ops } from '@dxgwire/protocol/stream';
import type { DeviceCore } from './device-core.ts';
import { CONSTRUCT, defineInterface, guardConstructor } from './interfaces.ts';
import { includeObjectBase, ObjectState, objectId } from './object-state.ts';
import { layoutOrAuto } from './pipeline-layout.ts';
import { dictionary, labelMember, optional, required, sequence, usvString, withEmpty } from './webidl.ts';

interface MessageValues {
  readonly message: string;
  readonly type: GPUCompilationMessageType;
  readonly lineNum: number;
  readonly linePos: number;
  readonly offset: number;
  readonly length: number;
}

/** GPUCompilationMessage: places count UTF-16 units. */
export class GPUCompilationMessage {
  readonly #values: MessageValues;
  constructor(key: typeof CONSTRUCT, values: MessageValues) {
    guardConstructor(key, 'GPUCompilationMessage');
    this.#values = values;
  }
  get message(): string {
    return this.#values.message;
  }
  get type(): GPUCompilationMessageType {
    return this.#values.type;
  }
  get lineNum(): number {
    return this.#values.lineNum;
  }
  get linePos(): number {
    return this.#values.linePos;
  }
  get offset(): number {
    return this.#values.offset;
  }
  get length(): number {
    return this.#values.length;
  }
}
defineInterface(GPUCompilationMessage, 'GPUCompilationMessage');

/** GPUCompilationInfo */
export class GPUCompilationInfo {
  readonly #messages: readonly GPUCompilationMessage[];
  constructor(key: typeof CONSTRUCT, messages: readonly MessageValues[]) {
    guardConstructor(key, 'GPUCompilationInfo');
    this.#messages = Object.freeze(messages.map((values) => new GPUCompilationMessage(CONSTRUCT, values)));
  }
  get messages(): readonly GPUCompilationMessage[] {
    return this.#messages;
  }
}
defineInterface(GPUCompilationInfo, 'GPUCompilationInfo');

let stateOf!: (shaderModule: GPUShaderModule) => ObjectState;
let is!: (value: object) => value is GPUShaderModule;

/** GPUShaderModule */
export class GPUShaderModule {
  readonly #state: ObjectState;
  constructor(key: typeof CONSTRUCT, state: ObjectState) {
    guardConstructor(key, 'GPUShaderModule');
    this.#state = state;
  }
  getCompilationInfo(): Promise<GPUCompilationInfo> {
    try {
      return compilationInfo(this.#state);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  static {
    stateOf = (shaderModule) => shaderModule.#state;
    is = (value): value is GPUShaderModule => #state in value;
  }
}
defineInterface(GPUShaderModule, 'GPUShaderModule');
includeObjectBase(GPUShaderModule, stateOf);

export const shaderModuleId = objectId('GPUShaderModule', is, stateOf);

function compilationInfo({ core, id }: ObjectState): Promise<GPUCompilationInfo> {
  return core.ask<GPUCompilationInfo, 'compilation'>(
    'compilation',
    (requestId) => ops.getCompilationInfo(core.writer, requestId, id),
    (resolve) => ({
      done: ({ messages }) => resolve(new GPUCompilationInfo(CONSTRUCT, messages)),
      lost: () => resolve(new GPUCompilationInfo(CONSTRUCT, [])),
    }),
  );
}

const moduleDescriptor = dictionary(
  'GPUShaderModuleDescriptor',
  {
    code: required(usvString),
    compilationHints: withEmpty(
      sequence(
        dictionary('GPUShaderModuleCompilationHint', {
          entryPoint: required(usvString),
          layout: optional(layoutOrAuto),
        }),
      ),
      () => [],
    ),
  },
  labelMember,
);

/** GPUDevice.createShaderModule() */
export function createShaderModule(core: DeviceCore, device: object, descriptor: unknown): GPUShaderModule {
  const values = moduleDescriptor(descriptor, 'GPUShaderModuleDescriptor', core);
  const state = new ObjectState(core, device, core.newId(), values.label);
  ops.createShaderModule(core.writer, { id: state.id, ...values });
  core.outbox.changed();
  const shaderModule = new GPUShaderModule(CONSTRUCT, state);
  core.track(shaderModule, state.id);
  return shaderModule;
}
