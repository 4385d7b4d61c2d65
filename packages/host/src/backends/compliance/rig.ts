import assert from 'node:assert/strict';
import type {
  AllocationResult,
  Backend,
  BackendAdapter,
  BackendContext,
  BackendDevice,
  ContextServices,
  ExecutionResult,
  Submission,
} from '../contract.ts';
import { type ComplianceEnvironment, createPlainEnvironment } from './environment.ts';

/** What the suite has to know of a backend. */
export interface BackendFixture {
  /** Opens the backend. It is closed by the suite after each test. */
  create(): Promise<Backend>;
  /** Whether memory keeps what is written to it. */
  readonly keepsContents: boolean;
  /**
   * Whether contents can be moved out of a segment and back (true), as the adapters must say it too. Of a backend that
   * cannot, other things are required: contents stay where they are through all that does not drop them.
   */
  readonly canEvict?: boolean;
  /** Private data that a context of this backend needs (none). */
  readonly contextData?: Uint8Array;
  /** Private data of the submission with which a context has to begin (none). */
  readonly firstWork?: Uint8Array;
  /** Private data of an allocation whose contents nobody sees as bytes. Absent: all have bytes. */
  opaqueAllocation?(lengthBytes: number): Uint8Array;
  /** Private data of a submission that ends by itself (none). */
  readonly work?: Uint8Array;
  /** Private data of a submission that never ends by itself. Absent: this backend has none. */
  readonly hang?: Uint8Array;
  /** Private data of a submission that is not valid. Absent: everything is. */
  readonly fault?: Uint8Array;
  /** Memory and window to lend (plain, mapped). */
  createEnvironment?(): ComplianceEnvironment;
}

export const NO_BYTES = new Uint8Array(0);
const noServices: ContextServices = { signalFence: () => false, findAllocation: () => null };

/** One backend with an open adapter and a device, and what tests do with them. */
export class Rig {
  readonly fixture: BackendFixture;
  readonly backend: Backend;
  readonly environment: ComplianceEnvironment;
  readonly adapter: BackendAdapter;
  readonly device: BackendDevice;

  static async open(fixture: BackendFixture): Promise<Rig> {
    const backend = await fixture.create();
    const environment = fixture.createEnvironment?.() ?? createPlainEnvironment('mapped');
    const adapter = await backend.openAdapter(0, environment);
    return new Rig(fixture, backend, environment, adapter);
  }

  constructor(
    fixture: BackendFixture,
    backend: Backend,
    environment: ComplianceEnvironment,
    adapter: BackendAdapter,
  ) {
    this.fixture = fixture;
    this.backend = backend;
    this.environment = environment;
    this.adapter = adapter;
    this.device = adapter.createDevice();
  }

  async close(): Promise<void> {
    await this.adapter.close();
    await this.backend.close();
  }

  create(
    privateData: Uint8Array,
    options: { readonly existingSystemMemory?: boolean; readonly standardLengthBytes?: number } = {},
  ): AllocationResult | { readonly refused: string } {
    return this.adapter.createAllocation({
      device: this.device,
      runtimeHandleLow: 0,
      runtimeHandleHigh: 0,
      privateData,
      resourcePrivateData: NO_BYTES,
      standardLengthBytes: options.standardLengthBytes ?? 0,
      existingSystemMemory: options.existingSystemMemory ?? false,
    });
  }

  allocate(lengthBytes: number, existingSystemMemory = false): AllocationResult {
    const privateData = new Uint8Array(8);
    new DataView(privateData.buffer).setBigUint64(0, BigInt(lengthBytes), true);
    const result = this.create(privateData, { existingSystemMemory });
    if ('refused' in result)
      throw new Error(`an allocation of ${lengthBytes} bytes is refused: ${result.refused}`);
    return result;
  }

  /** Shows an allocation in the window, lets `look` at its bytes there, and takes it back. */
  inWindow(allocation: AllocationResult, offset: number, look: (bytes: Uint8Array) => void): void {
    const length = allocation.lengthBytes;
    const storage = { kind: 'window', offset, length } as const;
    assert.equal(this.adapter.setStorage(allocation.allocation, storage), true);
    look(this.environment.window.bytes.subarray(offset, offset + length));
    assert.equal(this.adapter.setStorage(allocation.allocation, null), true);
  }

  async createContext(): Promise<BackendContext> {
    const context = this.adapter.createContext({
      device: this.device,
      nodeIndex: 0,
      privateData: this.fixture.contextData ?? NO_BYTES,
      services: noServices,
    });
    if (isRefused(context)) throw new Error(`a context is refused: ${context.refused}`);
    const { firstWork } = this.fixture;
    if (firstWork !== undefined) {
      const first = this.execute(context, firstWork);
      await first.ended;
      assert.deepEqual(first.results, [{ kind: 'completed' }]);
    }
    return context;
  }

  /** Hands a submission over. @returns its results, more than one if the backend is wrong. */
  execute(
    context: BackendContext,
    privateData: Uint8Array,
  ): { results: ExecutionResult[]; ended: Promise<void> } {
    const results: ExecutionResult[] = [];
    const submission: Submission = {
      context,
      privateData,
      commandAddress: 0n,
      commandLengthBytes: 0,
      walk: (address) => ({ ok: false, faultAddress: address, reason: 'not-mapped' }),
    };
    const ended = new Promise<void>((resolve) => {
      this.adapter.execute(0, submission, (result) => {
        results.push(result);
        resolve();
      });
    });
    return { results, ended };
  }
}

function isRefused(
  context: BackendContext | { readonly refused: string },
): context is { readonly refused: string } {
  return 'refused' in context;
}

/** Bytes that differ from page to page and within. */
export function fillPattern(bytes: Uint8Array, seed: number): void {
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (i * 7 + (i >> 8) * 13 + seed) & 0xff;
}

export function assertPattern(bytes: Uint8Array, seed: number): void {
  const expected = new Uint8Array(bytes.length);
  fillPattern(expected, seed);
  assert.equal(Buffer.compare(bytes, expected), 0, 'contents differ');
}

/** Declares a test that gets a rig of its own. */
export type Test = (title: string, body: (rig: Rig) => Promise<void> | void) => void;
