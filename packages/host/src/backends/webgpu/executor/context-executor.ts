import { isProtocolError, ProtocolError } from '@dxgwire/protocol';
import { decodeStream, type OpArguments, type StreamHandlers, streamOps } from '@dxgwire/protocol/stream';
import { ContextState, messageOf, Ticket } from './context-state.ts';
import { deviceHandlers } from './device-handlers.ts';
import { encoderHandlers } from './encoder-handlers.ts';
import { passHandlers } from './pass-handlers.ts';
import { pipelineHandlers } from './pipeline-handlers.ts';
import { queueHandlers } from './queue-handlers.ts';
import { resourceHandlers } from './resource-handlers.ts';
import { ReturnsWriter } from './returns-writer.ts';
import type { SubmissionData } from './submission-data.ts';
import { WorkWaits } from './work-waits.ts';

type CreateDeviceValues = OpArguments<typeof streamOps.createDevice>[0];

/** How a submission ended: with nothing to say, or with what was wrong in its stream. */
export type SubmissionEnd = (fault: string | null) => void;

/** What is lent to the executor of one context. */
export interface ExecutorEnvironment {
  /** A fresh adapter: Dawn gives one device for each. */
  requestAdapter(featureLevel: 'core' | 'compatibility'): Promise<GPUAdapter | null>;
  /** Sends return records; the bytes are valid during the call only. */
  sendReturns(records: Uint8Array): void;
  /** All answers that were still to come when a submission ended have been sent. */
  answersSent(): void;
  /** Longest message in a return record, UTF-16 units. */
  readonly maxMessageUnits: number;
}

/**
 * What may be dropped before the garbage collector is called: Dawn frees an object when its JavaScript half has been
 * collected, and a small half gives the collector no reason to hurry. Memory does not wait for it: `freeMemory`.
 */
const DROPPED_OBJECTS = 20_000;

/** Memory that may have been freed before Dawn is made to give it back, bytes. */
const FREED_BYTES = 4 << 20;

interface Deferred {
  readonly stream: Uint8Array;
  readonly data: SubmissionData;
  readonly end: SubmissionEnd;
}

const opNames: (string | undefined)[] = [];
for (const [name, { opcode }] of Object.entries(streamOps)) opNames[opcode] = name;

/**
 * Executes the command stream of one context: one GPUDevice. Knows nothing of processes or guests; runs wherever
 * there is a WebGPU implementation.
 */
export class ContextExecutor {
  private readonly environment: ExecutorEnvironment;
  private readonly returns: ReturnsWriter;
  private state: ContextState | null = null;
  private handlers: StreamHandlers | null = null;
  /** True since an end was reported while answers were still to come. */
  private owesAnswers = false;
  private creating = false;
  private destroyed = false;
  /** Submissions that came while the device was being made. */
  private deferred: Deferred[] = [];
  private waits: WorkWaits | null = null;

  constructor(environment: ExecutorEnvironment) {
    this.environment = environment;
    this.returns = new ReturnsWriter((records) => {
      if (!this.destroyed) environment.sendReturns(records);
    }, environment.maxMessageUnits);
    this.returns.onIdle = () => {
      if (!this.owesAnswers) return;
      this.owesAnswers = false;
      environment.answersSent();
    };
  }

  /** Whether answers to requests are still to come; {@link ExecutorEnvironment.answersSent} then says when not. */
  noteAnswers(): boolean {
    // Whoever was told that there are is told when the last was sent, also where nothing is pending between the two.
    this.owesAnswers ||= this.returns.pendingRequests > 0;
    return this.owesAnswers;
  }

  /** Calls back when so much was dropped that it is worth a garbage collection. */
  collectDropped(collect: () => void): void {
    const { state } = this;
    if (state === null) return;
    const isWorthwhile = state.droppedObjects >= DROPPED_OBJECTS;
    if (!isWorthwhile && state.memory.freedBytes < FREED_BYTES) return;
    state.memory.freedBytes = 0;
    if (isWorthwhile) {
      state.droppedObjects = 0;
      collect();
    }
    // Dawn frees what it holds when the queue has come further: that a program only makes and drops is no reason not to.
    state.queue.submit([]);
  }

  /** The allocation of a buffer or texture is gone, and its memory with it, whoever still holds the object. */
  freeMemory(allocation: number): void {
    this.state?.memory.free(allocation);
  }

  /**
   * Executes a stream. While the device is being made it is kept for later.
   * @param stream valid during the call only.
   * @param data valid until `end`; `copy` gives one that outlives the call when the stream has to wait.
   * @param end called once, when all of it is done or something in it was malformed.
   */
  submit(stream: Uint8Array, data: SubmissionData, copy: () => SubmissionData, end: SubmissionEnd): void {
    if (this.creating) {
      this.deferred.push({ stream: stream.slice(), data: copy(), end });
      return;
    }
    this.run(stream, data, end);
  }

  private run(stream: Uint8Array, data: SubmissionData, end: SubmissionEnd): void {
    const { state } = this;
    if (state === null) {
      this.begin(stream, end);
      return;
    }
    let fault: string | null = null;
    const ticket = new Ticket(() => end(fault));
    state.ticket = ticket;
    state.data = data;
    try {
      decodeStream(stream, this.handlers!, this.onThrow);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      fault = error.message;
    }
    this.waits?.add(ticket, state.hasNewWork);
    state.hasNewWork = false;
  }

  /** To be called when all that arrived together was given to {@link submit}. */
  endTurn(): void {
    this.waits?.flush();
  }

  /** What Dawn's binding throws for a record is an error of that record, like those that Dawn finds itself. */
  private readonly onThrow = (error: unknown, opcode: number): void => {
    this.state?.fail(`${opNames[opcode] ?? opcode}: ${messageOf(error)}`);
  };

  /** Reads the first stream of a context: it makes the device, and nothing else. One without records does nothing. */
  private begin(stream: Uint8Array, end: SubmissionEnd): void {
    if (stream.length === 0) {
      end(null);
      return;
    }
    let values: CreateDeviceValues;
    try {
      values = readCreateDevice(stream);
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      end(error.message);
      return;
    }
    this.creating = true;
    void this.createDevice(values).finally(() => {
      this.creating = false;
      end(null);
      const { deferred } = this;
      this.deferred = [];
      for (const next of deferred) {
        if (this.destroyed) next.end(null);
        else this.submit(next.stream, next.data, () => next.data, next.end);
      }
      this.endTurn();
    });
  }

  private async createDevice(values: CreateDeviceValues): Promise<void> {
    const { requestId, label, queueLabel, requiredFeatures, requiredLimits } = values;
    const nothing = { features: [], limits: [] };
    try {
      // A device of a core adapter always has the core features, and its guest says so.
      const isCore = requiredFeatures.includes('core-features-and-limits');
      const adapter = await this.environment.requestAdapter(isCore ? 'core' : 'compatibility');
      if (adapter === null) throw new Error('there is no adapter any more');
      const device = await adapter.requestDevice({
        label,
        defaultQueue: { label: queueLabel },
        requiredFeatures: requiredFeatures as GPUFeatureName[],
        requiredLimits: Object.fromEntries(requiredLimits.map(({ name, value }) => [name, value])),
      });
      if (this.destroyed) {
        device.destroy();
        return;
      }
      this.adopt(device);
      const limits = limitsOf(device);
      const features = [...device.features];
      this.returns.deviceResult({ requestId, ok: true, errorName: '', message: '', features, limits });
    } catch (error) {
      const errorName = error instanceof Error && error.name !== 'Error' ? error.name : 'OperationError';
      this.returns.deviceResult({ requestId, ok: false, errorName, message: messageOf(error), ...nothing });
    }
  }

  private adopt(device: GPUDevice): void {
    const state = new ContextState(device, this.returns, NO_DATA);
    this.state = state;
    this.waits = new WorkWaits(state.queue);
    this.handlers = {
      createDevice: () => state.fail('createDevice: this context has its device'),
      ...deviceHandlers(state),
      ...resourceHandlers(state),
      ...pipelineHandlers(state),
      ...queueHandlers(state),
      ...encoderHandlers(state),
      ...passHandlers(state),
    };
  }

  /** Drops the device and all that belongs to it. Nothing is sent any more. */
  destroy(): void {
    this.destroyed = true;
    this.endTurn();
    this.state?.objects.clear();
    this.state?.mappings.clear();
    this.state?.memory.clear();
    this.state?.device.destroy();
  }
}

/** @throws ProtocolError when there is anything else in the stream. */
function readCreateDevice(stream: Uint8Array): CreateDeviceValues {
  let values: CreateDeviceValues | undefined;
  const refuse = (): never => {
    throw new ProtocolError('bad-stream', 'a context begins with createDevice alone in its stream');
  };
  const take = (first: CreateDeviceValues): void => {
    values = first;
  };
  const handlers = new Proxy({} as StreamHandlers, {
    get: (_, name) => (name === 'createDevice' && values === undefined ? take : refuse),
  });
  decodeStream(stream, handlers);
  return values ?? refuse();
}

const NO_DATA: SubmissionData = {
  allocationBytes: () => -1,
  allocation: 0,
  read: () => new Uint8Array(0),
  target: () => null,
};

function limitsOf(device: GPUDevice): { name: string; value: number }[] {
  const list: { name: string; value: number }[] = [];
  for (const name in device.limits) {
    const value: unknown = device.limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') list.push({ name, value });
  }
  return list;
}
