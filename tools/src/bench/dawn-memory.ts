/// <reference types="@webgpu/types" />
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runToEnd } from '../child.ts';
import { overLink } from './dawn-subject.ts';
import { sharedMemoryUrl } from './host-service.ts';
import type { Figure } from './report.ts';

const BUFFERS = 64;
const BUFFER_BYTES = 16 << 20;
const GIBIBYTE = 2 ** 30;

/** Makes {@link BUFFERS} buffers and writes all of them, so that every page of theirs is there. */
export async function fillBuffers(device: GPUDevice): Promise<GPUBuffer[]> {
  const data = new Uint8Array(BUFFER_BYTES).fill(7);
  const buffers: GPUBuffer[] = [];
  for (let i = 0; i < BUFFERS; i += 1) {
    const buffer = device.createBuffer({ size: BUFFER_BYTES, usage: GPUBufferUsage.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data);
    await device.queue.onSubmittedWorkDone();
    buffers.push(buffer);
  }
  return buffers;
}

/** A process and its children's ids. */
function family(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid)
    .map(Number);
  return [pid, ...children.flatMap(family)];
}

function parentOf(pid: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

/** Memory of a process and its children, bytes; a page that several processes share counts by its share in each. */
export function memoryOf(pid: number): number {
  let bytes = 0;
  for (const each of family(pid)) {
    const share = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${each}/smaps_rollup`, 'utf8'))?.[1];
    bytes += Number(share ?? 0) * 1024;
  }
  return bytes;
}

/** What a host and its GPU process take for 1 GiB of a guest's buffers, beyond what Dawn takes for them; Linux only. */
export async function measureMemory(): Promise<Figure[]> {
  if (process.platform !== 'linux') return [];
  const { output } = await runToEnd([fileURLToPath(new URL('./dawn-memory-local.js', import.meta.url))]);
  const localBytes = Number(output);
  const figures: Figure[] = [];
  for (const [name, url] of [
    ['shared memory', sharedMemoryUrl()],
    ['WebSocket', 'ws://127.0.0.1:0'],
  ] as const) {
    const subject = await overLink(name, url);
    const before = memoryOf(subject.hostPid);
    const buffers = await fillBuffers(subject.device);
    const bytes = memoryOf(subject.hostPid) - before;
    for (const buffer of buffers) buffer.destroy();
    await subject.close();
    figures.push({
      suite: 'dawn',
      name: `host memory for 1 GiB of buffers, ${name}, beyond local Dawn's ${(localBytes / GIBIBYTE).toFixed(2)} GiB`,
      value: (bytes - localBytes) / GIBIBYTE,
      unit: 'GiB',
      target: { most: 1.1 },
    });
  }
  return figures;
}
