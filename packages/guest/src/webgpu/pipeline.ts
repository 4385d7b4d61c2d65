// biome-ignore-all lint/complexity/noArguments: WebIDL tells an argument that is missing from one that is undefined

import { ops } from '@dxgwire/protocol/stream';
import { makeBindGroupLayout } from './bind-group.ts';
import type { DeviceCore } from './device-core.ts';
import { GPUPipelineError } from './errors.ts';
import { includeMixin } from './interfaces.ts';
import type { ObjectState } from './object-state.ts';
import { layoutOrAuto } from './pipeline-layout.ts';
import { shaderModuleId } from './shader-module.ts';
import {
  type ConversionScope,
  double,
  labelMember,
  type Member,
  optional,
  record,
  requireArguments,
  required,
  usvString,
  wrappingU32,
} from './webidl.ts';

/** GPUPipelineDescriptorBase, with what it inherits. */
export const pipelineBaseMembers = { ...labelMember, layout: required(layoutOrAuto) } as const;

interface Constant {
  readonly key: string;
  readonly value: number;
}

const constantRecord = record(usvString, double);

function constants(value: unknown, what: string, scope: ConversionScope): Constant[] {
  return constantRecord(value, what, scope).map(([key, number]) => ({ key, value: number }));
}

const noConstants: Member<Constant[]> = { convert: constants, required: false, initial: () => [] };

/** GPUProgrammableStage. */
export const programmableStageMembers = {
  constants: noConstants,
  entryPoint: optional(usvString),
  module: required(shaderModuleId),
} as const;

// biome-ignore lint/complexity/noBannedTypes: any class, also one whose constructor is private to this library
type AnyClass = Function & { readonly prototype: object };

/** Includes the mixin GPUPipelineBase in an interface. */
export function includePipelineBase<T extends object>(
  type: AnyClass,
  stateOf: (object: T) => ObjectState,
): void {
  includeMixin(type, {
    getBindGroupLayout(index: number): object {
      const { core, device, id } = stateOf(this as unknown as T);
      requireArguments(arguments.length, 1, 'getBindGroupLayout');
      const wanted = wrappingU32(index);
      const layoutId = core.newId();
      ops.getBindGroupLayout(core.writer, layoutId, id, wanted);
      core.outbox.changed();
      return makeBindGroupLayout(core, device, '', layoutId);
    },
  });
}

/** Waits for a pipeline that is being created: `send` records its creation with the request's id. */
export function createPipelineAsync<T>(
  core: DeviceCore,
  id: number,
  send: (requestId: number) => void,
  make: () => T,
): Promise<T> {
  return core.ask<T, 'pipeline'>('pipeline', send, (resolve, reject) => ({
    done: (status, message) => {
      if (status === 'success') {
        resolve(make());
      } else {
        core.reuseId(id);
        reject(new GPUPipelineError(message, { reason: status }));
      }
    },
    // "If device is lost, there is no error, and the pipeline is as if valid."
    lost: () => resolve(make()),
  }));
}
