import type { WireCommand } from '../wire/command.ts';
import type { Fields } from '../wire/message.ts';
import type { Reply } from './reply.ts';
import { adapterSamples } from './samples-adapter.ts';
import { memorySamples } from './samples-memory.ts';
import { syncSamples } from './samples-sync.ts';
import type { Scene } from './scene.ts';
import type { SendOptions } from './wire-guest.ts';

/** A valid message, ready to be sent, and what in it may be spoilt. */
export interface SampleCall {
  readonly fields: Fields;
  readonly tail?: readonly Uint8Array[];
  /** Fields that must hold the handle of an object of this process. */
  readonly handles?: readonly string[];
  /** Which parts of the tail begin with such a handle. */
  readonly tailHandles?: readonly number[];
  readonly options?: SendOptions;
}

/** How a command is used rightly, with everything that it needs: one for each command. */
export interface Sample {
  readonly command: WireCommand;
  make(scene: Scene): Promise<SampleCall>;
  readonly mayBePending?: boolean;
  /** Whether a process that does not exist must make it fail; default: where the header names the caller. */
  readonly needsProcess?: boolean;
  /** What else must hold of a good answer. */
  check?(reply: Reply, scene: Scene, call: SampleCall): void | Promise<void>;
  /** Why an answer need not be a success on every host: then a failure by convention is enough. */
  readonly optional?: string;
}

export const samples: readonly Sample[] = [...adapterSamples, ...memorySamples, ...syncSamples];
