import { ops, type StreamWriter } from '@dxgwire/protocol/stream';
import { quoted } from './buffer-state.ts';
import type { DeviceCore, EncoderLog, Releasable } from './device-core.ts';
import { ObjectState } from './object-state.ts';
import type { Keepable, ObjectScope } from './webidl.ts';

/**
 * What records commands aside until it is finished: a command encoder or a render bundle encoder. What WebGPU
 * validates when it is finished is left to the backend; what must be noticed here is only what the stream cannot
 * say: commands for a pass that is not the latest one, and anything behind the end.
 */
export class EncoderState extends ObjectState implements Releasable, ObjectScope {
  /** The interface's name without `GPU`, as Dawn shows it in messages. */
  readonly kind: 'CommandEncoder' | 'RenderBundleEncoder';
  /** The pass whose commands the stream's end belongs to; null before the first, and when finished. */
  latestPass: PassState | null = null;
  finished = false;
  /** The first thing that went wrong here and that the backend cannot see. */
  error: string | null = null;
  /**
   * Set where what makes the encoder may be wrong: the record of it, which was sent at once so that its error came
   * at its place, and which is sent again, in a scope that nobody sees, before all that was recorded.
   */
  beginning: ((writer: StreamWriter) => void) | null = null;
  readonly log: EncoderLog;
  readonly writer: StreamWriter;
  /** What the commands so far name and what has memory: it lives as long as the commands may be carried out. */
  private named: object[] = [];

  constructor(core: DeviceCore, device: object, kind: EncoderState['kind'], label: string) {
    super(core, device, 0, label);
    this.kind = kind;
    this.log = core.openEncoder();
    this.writer = this.log.writer;
  }

  /** As Dawn names it in messages. */
  get description(): string {
    return `[${this.kind}${quoted(this.label)}]`;
  }

  keep(object: object, state: Keepable): void {
    const { serial } = this.log;
    if (state.keptBy === serial) return;
    state.keptBy = serial;
    this.named.push(object);
  }

  /** Gives what it kept to the object that it makes. */
  takeKept(): object[] {
    const { named } = this;
    this.named = [];
    return named;
  }

  /** The writer for a command of the encoder itself, or null when it is finished: an error was raised then. */
  open(command: string): StreamWriter | null {
    if (!this.finished) return this.writer;
    this.core.injectError(
      'validation',
      `${this.description} is already finished.\n - While encoding ${this.description}.${command}().`,
    );
    return null;
  }

  /**
   * Sends all that was recorded. `end` writes the record that ends the encoder.
   * @returns false when it was finished before: an error was raised then.
   */
  finish(end: (writer: StreamWriter) => void): boolean {
    const { core, writer, error, description } = this;
    if (this.finished) {
      core.injectError(
        'validation',
        `Command encoding already finished.\n - While finishing ${description}.`,
      );
      return false;
    }
    this.finished = true;
    this.latestPass = null;
    if (this.beginning !== null) this.unheard(this.beginning);
    if (error === null) {
      end(writer);
      core.writer.append(writer);
    } else {
      this.finishWithError(end, error);
    }
    core.closeEncoder(this.log);
    core.outbox.changed();
    return true;
  }

  /**
   * The backend cannot know of our error, so it is made to find one of its own, in a scope that nobody sees; then
   * ours is raised in its place. What the encoder makes is invalid, as it must be.
   */
  private finishWithError(end: (writer: StreamWriter) => void, error: string): void {
    const { core, writer, description } = this;
    this.unheard((to) => {
      ops.pushDebugGroup(writer, this.kind === 'CommandEncoder' ? 'encoder' : 'pass', error);
      end(writer);
      to.append(writer);
    });
    core.injectError('validation', `${error}\n - While finishing ${description}.`);
  }

  /** Sends records whose validation errors nobody shall see. */
  private unheard(record: (writer: StreamWriter) => void): void {
    const { core } = this;
    ops.pushErrorScope(core.writer, 'validation');
    record(core.writer);
    const nothing = (): void => {};
    ops.popErrorScope(core.writer, core.requests.add('scope', nothing, nothing));
  }

  override labelChanged(): void {
    if (!this.finished) ops.setEncoderLabel(this.writer, 'encoder', this.label);
  }

  released(): void {
    this.core.closeEncoder(this.log);
  }
}

/** A compute or render pass, or a bundle encoder seen as what takes draw commands. */
export class PassState extends ObjectState implements ObjectScope {
  readonly encoder: EncoderState;
  readonly kind: 'ComputePassEncoder' | 'RenderPassEncoder' | 'RenderBundleEncoder';
  private readonly writer: StreamWriter;
  private ended = false;

  constructor(encoder: EncoderState, kind: PassState['kind'], label: string) {
    super(encoder.core, encoder.device, 0, label);
    this.encoder = encoder;
    this.kind = kind;
    this.writer = encoder.writer;
    if (!encoder.finished) encoder.latestPass = this;
  }

  get description(): string {
    return `[${this.kind}${quoted(this.label)}]`;
  }

  keep(object: object, state: Keepable): void {
    this.encoder.keep(object, state);
  }

  /** The writer for a command, or null when the stream has no place for it: the error is noted then. */
  open(command: string): StreamWriter | null {
    return this.encoder.latestPass === this ? this.writer : this.misplaced(command);
  }

  /** end() of a pass. */
  end(): void {
    const { encoder, core, description } = this;
    if (this.ended) {
      core.injectError('validation', `${description} was already ended.`);
      return;
    }
    this.ended = true;
    if (encoder.latestPass === this) ops.endPass(this.writer);
    else this.misplaced('End');
  }

  private misplaced(command: string): null {
    const { encoder, core, description } = this;
    const place = `\n - While encoding ${description}.${command}().`;
    if (!encoder.finished) {
      const why = this.ended ? 'which has already been ended' : 'which is not the open pass';
      encoder.error ??= `Commands cannot be recorded in ${description} ${why}.${place}`;
    } else if (this.kind === 'RenderBundleEncoder') {
      core.injectError('validation', `${description} is already finished.${place}`);
    } else {
      core.injectError('validation', `Parent encoder of ${description} is already finished.${place}`);
    }
    return null;
  }

  override labelChanged(): void {
    if (this.encoder.latestPass === this) ops.setEncoderLabel(this.writer, 'pass', this.label);
  }
}
