import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { clearTimeout, setTimeout } from '@dxgwire/transport/timers';
import type { BackendLog } from '../contract.ts';
import { driverEnvironment } from './dawn.ts';
import type { DeviceProfile, DeviceRequest } from './device-profile.ts';
import { FrameReader, type FrameView, GpuFrame } from './frames.ts';
import { GpuServer } from './gpu-server.ts';
import { gpuProcessEnvironment } from './process-environment.ts';

// As timers: programs in this process may replace it.
const { nextTick } = process;

/** A process that has not said hello after this long has hung in its driver, milliseconds. */
const START_TIMEOUT_MS = 60_000;

/** How much of what the process wrote to its standard error is kept for messages, UTF-16 units. */
const ERROR_TEXT_UNITS = 2000;

/** A GPU process, seen from the host. Frames may be sent before it is ready: they wait in the socket. */
export class GpuProcess extends GpuServer {
  /** Resolves when the device is open and works; rejects with the reason why it does not. */
  readonly ready: Promise<DeviceProfile>;
  /** Called once when it is gone and nobody killed it: the reason, in words. */
  onDeath: ((reason: string) => void)[] = [];
  private readonly child: ChildProcess;
  private readonly socket: Socket;
  private readonly exited: Promise<void>;
  private runningCount = 0;
  private flushScheduled = false;
  private errorText = '';
  private gone = false;

  constructor(request: DeviceRequest, log: BackendLog) {
    super();
    const main = fileURLToPath(new URL('./process/gpu-process-main.js', import.meta.url));
    this.child = spawn(process.execPath, ['--expose-gc', main, JSON.stringify(request)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: gpuProcessEnvironment(driverEnvironment()),
    });
    this.socket = this.child.stdio[3] as Socket;
    this.socket.on('error', () => {
      // The end of the process says more.
    });
    const reader = new FrameReader();
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errorText = (this.errorText + text).slice(-ERROR_TEXT_UNITS);
      log.debug({ pid: this.child.pid, text }, 'the GPU process wrote to its standard error');
    });
    this.exited = new Promise((resolve) => {
      const ended = (reason: string): void => {
        resolve();
        this.ended(reason);
      };
      this.child.once('exit', (code, signal) => ended(this.describeExit(code, signal)));
      this.child.once('error', (error) => ended(`the GPU process did not start: ${error.message}`));
    });
    this.ready = this.waitForHello(reader);
    this.ready.catch(() => {});
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** True when it takes no more work. */
  get isGone(): boolean {
    return this.gone;
  }

  private waitForHello(reader: FrameReader): Promise<DeviceProfile> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the GPU process did not open a device within ${START_TIMEOUT_MS} ms`));
        this.child.kill('SIGKILL');
      }, START_TIMEOUT_MS);
      const settle = (): void => {
        clearTimeout(timer);
        this.setReferenced();
      };
      this.onDeath.push((reason) => {
        settle();
        reject(new Error(reason));
      });
      const onFrame = (frame: FrameView): void => {
        if (frame.kind === GpuFrame.hello) {
          settle();
          resolve(JSON.parse(frame.text()) as DeviceProfile);
        } else if (frame.kind === GpuFrame.failed) {
          settle();
          reject(new Error(frame.text()));
        } else {
          this.onFrame(frame);
        }
      };
      this.socket.on('data', (chunk: Buffer) => reader.push(chunk, onFrame));
    });
  }

  /** Sends what is in the batch behind all microtasks of this turn, in one write: each wakes the process. */
  flushSoon(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    nextTick(() => {
      this.flushScheduled = false;
      const taken = this.batch.take();
      if (this.gone || taken.length === 0) return;
      this.socket.write(taken, () => this.batch.recycle(taken));
    });
  }

  /** Ends it at once, whatever it does. {@link onDeath} is not called. */
  async kill(): Promise<void> {
    this.gone = true;
    this.onDeath = [];
    this.child.ref();
    this.child.kill('SIGKILL');
    this.socket.destroy();
    await this.exited;
    this.endWrites();
  }

  private ended(reason: string): void {
    if (this.gone) return;
    this.gone = true;
    this.socket.destroy();
    this.endWrites();
    const listeners = this.onDeath;
    this.onDeath = [];
    for (const listener of listeners) listener(reason);
  }

  /** Something began or ended: only while something is under way does the process keep its host running. */
  countRunning(change: number): void {
    const wasIdle = this.runningCount === 0;
    this.runningCount += change;
    if (wasIdle !== (this.runningCount === 0)) this.setReferenced();
  }

  private setReferenced(): void {
    const stderr = this.child.stderr as Socket;
    for (const handle of [this.child, this.socket, stderr]) {
      if (this.runningCount > 0) handle.ref();
      else handle.unref();
    }
  }

  private describeExit(code: number | null, signal: NodeJS.Signals | null): string {
    const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
    const lines = this.errorText.trim().split('\n');
    const last = lines.at(-1) ?? '';
    return `the GPU process ${how}${last === '' ? '' : `: ${last}`}`;
  }
}
