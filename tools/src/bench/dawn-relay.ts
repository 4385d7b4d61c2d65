import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { copyIn, createCopyPlan, READBACK_BYTES, REQUEST_BYTES, stopCopies } from './dawn-relay-plan.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The least that does the same in as many processes and copies, written by hand: no validation, accounting or scheduling. */
export interface HandWritten {
  /** Readbacks of 256 bytes, one after the other, by way of a process that passes bytes on to one that has Dawn. */
  readbacks(count: number): Promise<void>;
  /** Bulk data into memory and out of it again, by two threads. */
  copies(): void;
  close(): Promise<void>;
}

const script = fileURLToPath(new URL('./dawn-relay-peer.js', import.meta.url));

async function start(...args: string[]): Promise<ChildProcess> {
  const child = fork(script, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  return child;
}

export async function openHandWritten(bulkBytes: number): Promise<HandWritten> {
  const folder = temporaryFolder();
  const [devicePath, relayPath] = [join(folder, 'device.sock'), join(folder, 'relay.sock')];
  const children = [await start('device', devicePath), await start('relay', relayPath, devicePath)];
  const socket = connect(relayPath);
  await once(socket, 'connect');
  let missing = 0;
  let whole: () => void = () => {};
  socket.on('data', (bytes: Buffer) => {
    missing -= bytes.length;
    if (missing === 0) whole();
  });
  const request = new Uint8Array(REQUEST_BYTES);
  const plan = createCopyPlan(bulkBytes);
  const data = new Uint8Array(bulkBytes).fill(7);
  const worker = new Worker(script, { workerData: plan });
  return {
    async readbacks(count) {
      for (let i = 0; i < count; i += 1) {
        missing = READBACK_BYTES;
        const answer = new Promise<void>((resolve) => {
          whole = resolve;
        });
        socket.write(request);
        await answer;
      }
    },
    copies: () => copyIn(plan, data),
    async close() {
      socket.destroy();
      const ended = [once(worker, 'exit'), ...children.map((child) => once(child, 'exit'))];
      stopCopies(plan);
      for (const child of children) child.disconnect();
      await Promise.all(ended);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
