/**
 * The GPU process: Dawn and the executors of its contexts, at the far end of a socket from the host. It has nothing
 * that must be saved: it ends with the host, by a signal or when the socket closes.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { nativeMemory } from '../../../native-memory.ts';
import { openDawn } from '../dawn.ts';
import type { DeviceRequest } from '../device-profile.ts';
import { FrameBatch, FrameReader, GpuFrame } from '../frames.ts';
import { DawnPolling } from './polling.ts';
import { ProcessServer } from './process-server.ts';
import { MappedRegions } from './regions.ts';

/** The descriptor of the socket that the host gave. */
const SOCKET_DESCRIPTOR = 3;

/** What one read of the socket may bring, bytes. */
const READ_BYTES = 65_536;

/** Exit status when there is no usable device; the reason was sent. */
const EXIT_NO_DEVICE = 3;

async function main(): Promise<void> {
  const request = JSON.parse(process.argv[2] ?? 'null') as DeviceRequest;
  const hostPid = process.ppid;
  nativeMemory()?.dieWithParent();
  // The host may have died before the line above.
  if (process.ppid !== hostPid) process.exit(0);
  const polling = new DawnPolling();
  polling.install();
  // What comes before the device is open waits here.
  const early: Uint8Array[] = [];
  let receive = (bytes: Uint8Array): void => {
    early.push(bytes.slice());
  };
  const options: SocketConstructorOpts & { onread: OnReadOpts } = {
    fd: SOCKET_DESCRIPTOR,
    readable: true,
    writable: true,
    // Into one buffer, past the stream: this process then takes a seventh less processor time for a small readback.
    onread: {
      buffer: new Uint8Array(READ_BYTES),
      callback(lengthBytes: number, buffer: Uint8Array) {
        receive(buffer.subarray(0, lengthBytes));
        return true;
      },
    },
  };
  const socket = new Socket(options);
  // SIGKILL and not exit(): an exit would wait for a device that may never answer.
  const dieWithHost = (): void => {
    process.kill(process.pid, 'SIGKILL');
  };
  socket.on('close', dieWithHost);
  socket.on('error', dieWithHost);
  const batch = new FrameBatch();
  let scheduled = false;
  const send = (): void => {
    if (scheduled) return;
    scheduled = true;
    // Behind all promises that Dawn settled in this round: their answers share one write.
    process.nextTick(() => {
      scheduled = false;
      polling.noteAnswered();
      const taken = batch.take();
      socket.write(taken, () => batch.recycle(taken));
    });
  };
  try {
    const { gpu, globals, profile } = await openDawn(request);
    Object.assign(globalThis, globals);
    const server = new ProcessServer(gpu, new MappedRegions(), batch, send);
    const reader = new FrameReader();
    receive = (bytes) => {
      polling.noteReceived();
      reader.push(bytes, server.onFrame);
      server.endTurn();
    };
    for (const bytes of early.splice(0)) receive(bytes);
    batch.begin(GpuFrame.hello);
    batch.text(JSON.stringify(profile));
    batch.end();
    send();
  } catch (error) {
    batch.begin(GpuFrame.failed);
    batch.text(error instanceof Error ? error.message : String(error));
    batch.end();
    const taken = batch.take();
    socket.removeAllListeners('close');
    socket.end(taken, () => process.exit(EXIT_NO_DEVICE));
  }
}

await main();
