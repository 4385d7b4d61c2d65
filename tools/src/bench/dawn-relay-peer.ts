/// <reference types="@webgpu/types" />
import { connect, createServer, type Socket } from 'node:net';
import { isMainThread, workerData } from 'node:worker_threads';
import { createLocalGPU } from '@dxgwire/host/backends/webgpu';
import { type CopyPlan, copyOut, READBACK_BYTES, REQUEST_BYTES } from './dawn-relay-plan.ts';
import { openDevice } from './dawn-subject.ts';
import { createReadback } from './dawn-transfers.ts';

/**
 * The other sides of what is written by hand beside the suite `dawn`. Processes: `device PATH` reads 256 bytes back from Dawn for each
 * request, `relay PATH TO` passes on what comes. A thread: takes bulk data out of memory that the program's thread fills.
 */

/** Calls back for each message of this length. */
function eachMessage(socket: Socket, lengthBytes: number, received: () => void): void {
  let count = 0;
  socket.on('data', (bytes: Buffer) => {
    for (count += bytes.length; count >= lengthBytes; count -= lengthBytes) received();
  });
  socket.on('error', () => socket.destroy());
}

async function serveDevice(path: string): Promise<void> {
  const { gpu, globals } = await createLocalGPU();
  Object.assign(globalThis, globals);
  const { run } = createReadback(await openDevice(gpu), READBACK_BYTES);
  const answer = new Uint8Array(READBACK_BYTES);
  createServer((socket) => {
    eachMessage(socket, REQUEST_BYTES, () => void run(1).then(() => socket.write(answer)));
  }).listen(path, () => process.send?.('listening'));
}

function serveRelay(path: string, to: string): void {
  createServer((socket) => {
    const onward = connect(to);
    socket.on('data', (bytes) => onward.write(bytes)).on('error', () => onward.destroy());
    onward.on('data', (bytes) => socket.write(bytes)).on('error', () => socket.destroy());
  }).listen(path, () => process.send?.('listening'));
}

if (isMainThread) {
  const [, , role, path = '', to = ''] = process.argv;
  process.once('disconnect', () => process.exit());
  if (role === 'device') await serveDevice(path);
  else serveRelay(path, to);
} else {
  copyOut(workerData as CopyPlan);
}
