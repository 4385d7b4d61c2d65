import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { forgetPeak, peakBytes, residentBytes } from './costs.ts';
import { sharedMemoryUrl } from './host-service.ts';
import type { Figure } from './report.ts';
import { temporaryFolder } from './temporary-folder.ts';

const MEBIBYTE = 1 << 20;
const UPLOAD_BYTES = 1 << 30;
/** What an upload may take on either side beyond the guest's own data and the host's copy, MiB. */
const DEMANDED_MEBIBYTES = 32;

interface Said {
  readonly url?: string;
  readonly hostPid?: number;
}

/** A process of ours, and the first thing that it says. */
async function startPeer(...args: string[]): Promise<{ child: ChildProcess; said: Said }> {
  const script = fileURLToPath(new URL('./link-memory-peer.js', import.meta.url));
  const child = fork(script, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const said = await Promise.race([
    once(child, 'message').then(([message]) => message as Said),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${args.join(' ')} ended with code ${code}`);
    }),
  ]);
  return { child, said };
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

/** Growth of both sides' resident memory, at its highest, by one upload; null where the system does not tell. */
async function measureUpload(url: string): Promise<{ guest: number; host: number } | null> {
  const children: ChildProcess[] = [];
  try {
    let reached = url;
    let hostPid = 0;
    if (url !== 'stdio:') {
      const { child, said } = await startPeer('host', url, String(UPLOAD_BYTES));
      children.push(child);
      reached = said.url ?? url;
      hostPid = said.hostPid ?? 0;
    }
    const { child: guest, said } = await startPeer('guest', reached, String(UPLOAD_BYTES));
    children.unshift(guest);
    if (url === 'stdio:') hostPid = said.hostPid ?? 0;
    const pids = [guest.pid ?? 0, hostPid];
    const before = pids.map((pid) => {
      forgetPeak(pid);
      return residentBytes(pid);
    });
    const done = once(guest, 'message');
    guest.send('upload');
    await done;
    const [ofGuest, ofHost] = pids.map((pid, index) => {
      const peak = peakBytes(pid);
      const start = before[index] ?? null;
      return peak === null || start === null ? null : Math.max(0, peak - start) / MEBIBYTE;
    });
    if (typeof ofGuest !== 'number' || typeof ofHost !== 'number') return null;
    return { guest: ofGuest, host: ofHost };
  } finally {
    for (const child of children) await stop(child);
  }
}

/** What an upload of 1 GiB takes in memory on each side of each link. */
export async function measure(
  progress: (text: string) => void,
): Promise<{ comparisons: []; figures: Figure[] }> {
  const folder = temporaryFolder();
  const links = [
    ['shared memory', sharedMemoryUrl()],
    ['Unix socket', `unix:${folder}/memory.sock`],
    ['TCP', 'tcp:127.0.0.1:0'],
    ['WebSocket', 'ws://127.0.0.1:0'],
    ['standard input and output', 'stdio:'],
  ] as const;
  const figures: Figure[] = [];
  try {
    for (const [name, url] of links) {
      progress(name);
      const extra = await measureUpload(url);
      if (extra === null) continue;
      for (const side of ['guest', 'host'] as const) {
        figures.push({
          suite: 'link-memory',
          name: `${name}: extra memory of the ${side} at its highest, upload of 1 GiB`,
          value: extra[side],
          unit: 'MiB',
          target: { most: DEMANDED_MEBIBYTES },
        });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { comparisons: [], figures };
}
