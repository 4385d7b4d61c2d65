import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type GuestBus,
  type HostBus,
  isTransportError,
  PACKET_FLAG_COMPLETION_REQUESTED,
  PacketKind,
} from '@dxgwire/transport';
import { connect } from '@dxgwire/transport/connect';
import { listen } from '@dxgwire/transport/listen';
import { connectToChild } from '@dxgwire/transport/stream';

/**
 * SIGKILL of either process in the middle of an upload of 1 GiB. Each side is a process of its own that says on its
 * standard error, one JSON object a line, what it hears and what it has left. The one that is to die kills itself at
 * a place that the seed chooses: the exact place is then the same in each run.
 */

const FILE = fileURLToPath(import.meta.url);
const MEBIBYTE = 1_048_576;
const UPLOAD_MEBIBYTES = 1024;
const BLOCK_MEBIBYTES = 32;
/** Blocks of 1 MiB that are under way at a time. */
const MOST_UNDER_WAY = 8;
/** The default: what is demanded of one is not to be a race on a busy machine. */
const HEARTBEAT_MS = 10_000;
const LEASE_MS = 300;
/** What is still there after this is left over. */
const LEFT_OVER_MS = 10_000;
const GUID = new Uint8Array(16);

interface Report {
  readonly as: 'guest' | 'host';
  readonly event: 'listening' | 'killed' | 'heard' | 'closed' | 'left' | 'finished';
  readonly atMs: number;
  readonly url?: string;
  readonly pid?: number;
  readonly code?: string | null;
  readonly left?: Readonly<Record<string, number>>;
}

const [, , role, url = '', killAt = '0'] = process.argv;

function say(event: Report['event'], more: Partial<Report> = {}): void {
  const report = { as: role, event, atMs: Date.now(), pid: process.pid, ...more };
  writeSync(2, `${JSON.stringify(report)}\n`);
}

function dieAt(mebibytes: number): void {
  if (Number(killAt) !== mebibytes) return;
  say('killed');
  process.kill(process.pid, 'SIGKILL');
}

/** What this process has open and mapped, by kind. */
function holdings(): Record<string, number> {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The folder's own.
      return '';
    }
  });
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const resources = process.getActiveResourcesInfo();
  const count = (list: readonly string[], part: string) => list.filter((each) => each.includes(part)).length;
  return {
    sockets: count(targets, 'socket:'),
    'memory files': count(targets, 'memfd:'),
    mappings: count(maps, 'memfd:') + count(maps, '/dev/shm/'),
    timers: count(resources, 'Timeout'),
  };
}

function watch(bus: GuestBus | HostBus, over: () => void): void {
  let hasHeard = false;
  const heard = () => {
    if (!hasHeard) say('heard');
    hasHeard = true;
  };
  bus.onInterruption = (isInterrupted) => {
    if (isInterrupted) heard();
  };
  bus.onClose = (error) => {
    heard();
    say('closed', { code: isTransportError(error) ? error.code : null });
    over();
  };
}

/** Says what is left beyond what there was, once that is nothing, or after so long that it will stay. */
async function tellWhatIsLeft(before: Readonly<Record<string, number>>): Promise<void> {
  const deadline = Date.now() + LEFT_OVER_MS;
  let left: Record<string, number> = {};
  do {
    // Memory goes back after the end was told, and a guest looks after a dead host's socket.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    left = {};
    for (const [name, count] of Object.entries(holdings()))
      left[name] = Math.max(0, count - (before[name] ?? 0));
  } while (Date.now() < deadline && Object.values(left).some((count) => count > 0));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What a first collection finds dead may hold more that only a second one frees.
  for (let round = 0; round < 3; round += 1) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  left['MiB of buffers'] = Math.floor(process.memoryUsage().arrayBuffers / MEBIBYTE);
  say('left', { left });
}

async function runHost(): Promise<void> {
  const before = holdings();
  const listener = await listen(url, {
    windowMegabytes: 1,
    guestMemoryBytes: 2 * BLOCK_MEBIBYTES * MEBIBYTE,
    heartbeatMs: HEARTBEAT_MS,
    ...(url.startsWith('tcp:') || url.startsWith('ws:') ? { leaseMs: LEASE_MS } : {}),
    onBus: (host) => {
      let uploaded = 0;
      host.onChannelOpen = (channel) => {
        channel.onPacket = ({ idLow, idHigh, bytes, offset, length }) => {
          const address = new DataView(bytes.buffer, bytes.byteOffset + offset).getFloat64(0, true);
          const block = host.memory.view(address, MEBIBYTE);
          if (block[0] !== (idLow & 255) || block[MEBIBYTE - 1] !== (idLow & 255)) {
            say('finished', { code: `block ${idLow} is not what was uploaded` });
          }
          uploaded += 1;
          dieAt(uploaded);
          channel.send(PacketKind.completion, idLow, idHigh, 0, bytes, offset, length);
        };
      };
      watch(host, () => {
        void listener?.close().then(() => tellWhatIsLeft(before));
      });
      host.offer({ classGuid: GUID, instanceGuid: GUID, mmioMegabytes: 1 });
      host.start();
    },
  });
  say('listening', { url: listener.url });
}

async function runGuest(): Promise<void> {
  const before = holdings();
  let guest: GuestBus;
  if (url.startsWith('[')) {
    ({ guest } = await connectToChild(process.execPath, JSON.parse(url) as string[]));
  } else guest = await connect(url);
  let isOver = false;
  let wanted: () => void = () => {};
  watch(guest, () => {
    isOver = true;
    wanted();
    void tellWhatIsLeft(before);
  });
  if (guest.offers.length === 0) {
    await new Promise<void>((resolve) => {
      guest.onOffer = () => resolve();
    });
  }
  const channel = await guest.open(1);
  const block = guest.memory.allocate(BLOCK_MEBIBYTES * MEBIBYTE);
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  // A channel that ends while its bus goes on is none of the ends that are meant here.
  channel.onClose = (error) =>
    setImmediate(() => {
      if (!isOver) say('finished', { code: String(error) });
    });
  let underWay = 0;
  channel.onPacket = () => {
    underWay -= 1;
    wanted();
  };
  for (let index = 0; index < UPLOAD_MEBIBYTES; index += 1) {
    while (underWay >= MOST_UNDER_WAY && !isOver) {
      await new Promise<void>((resolve) => {
        wanted = resolve;
      });
    }
    if (isOver) return;
    const at = (index % BLOCK_MEBIBYTES) * MEBIBYTE;
    block.bytes.fill(index & 255, at, at + MEBIBYTE);
    block.flush(at, MEBIBYTE);
    // Exact: an address is below 2^53.
    view.setFloat64(0, block.address + at, true);
    channel.send(PacketKind.inBand, index, 0, PACKET_FLAG_COMPLETION_REQUESTED, payload, 0, 8);
    underWay += 1;
    dieAt(index + 1);
  }
  say('finished');
}

/** Reads what a process and its children say. */
function listenTo(child: ChildProcess, reports: Report[], changed: () => void): void {
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
    try {
      reports.push(JSON.parse(line) as Report);
    } catch {
      assert.fail(`a process said: ${line}`);
    }
    changed();
  });
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [FILE, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

async function upload(
  where: string,
  victim: 'guest' | 'host',
  mebibytes: number,
  signal: AbortSignal,
): Promise<void> {
  const reports: Report[] = [];
  let changed: () => void = () => {};
  const find = async (as: Report['as'], event: Report['event']): Promise<Report> => {
    for (;;) {
      const found = reports.find((each) => each.as === as && each.event === event);
      if (found !== undefined) return found;
      const wrong = reports.find((each) => each.event === 'finished');
      assert.ok(wrong === undefined, `the upload ended: ${wrong?.as}, ${wrong?.code ?? 'whole'}`);
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
    }
  };
  const survivor = victim === 'guest' ? 'host' : 'guest';
  const placeOf = (as: string) => (as === victim ? String(mebibytes) : '0');
  const children: ChildProcess[] = [];
  const add = (child: ChildProcess): ChildProcess => {
    children.push(child);
    listenTo(child, reports, () => changed());
    return child;
  };
  const closes: Promise<unknown>[] = [];
  // A deadline that passes does not end a test's function: what it started would stay.
  const stop = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (where === 'stdio:') {
      closes.push(
        once(
          add(start('guest', JSON.stringify([FILE, 'host', where, placeOf('host')]), placeOf('guest'))),
          'close',
        ),
      );
    } else {
      closes.push(once(add(start('host', where, placeOf('host'))), 'close'));
      const { url: reached = '' } = await find('host', 'listening');
      closes.push(once(add(start('guest', reached, placeOf('guest'))), 'close'));
    }
    const killed = await find(victim, 'killed');
    const heard = await find(survivor, 'heard');
    assert.ok(heard.atMs - killed.atMs <= 2 * HEARTBEAT_MS, `heard after ${heard.atMs - killed.atMs} ms`);
    const { code } = await find(survivor, 'closed');
    assert.ok(code === 'peer-closed', String(code));
    const { left = {} } = await find(survivor, 'left');
    for (const [name, count] of Object.entries(left)) {
      if (name === 'MiB of buffers')
        assert.ok(count <= BLOCK_MEBIBYTES + 8, `${count} MiB of buffers are left`);
      else assert.equal(count, 0, `${count} ${name} left`);
    }
    // The survivor ends by itself: nothing keeps it. Closed standard error says that nobody else holds it either.
    await Promise.all(closes);
    assert.ok(!reports.some(({ event }) => event === 'finished'), 'it ended before the end of the upload');
    for (const { pid = 0 } of [killed, heard]) await gone(pid);
  } finally {
    stop();
  }
}

/** Waits until a process is no more, or only waits for its parent to ask how it ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function memoryFolder(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.includes('dxgwire'));
}

if (role === 'guest') await runGuest();
else if (role === 'host') await runHost();
else {
  const seed = Number(process.env['DXGWIRE_SEED'] ?? Date.now() % 1_000_000);
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  after(() => rmSync(folder, { recursive: true }));
  const urls: Readonly<Record<string, string>> = {
    'shared memory': `shm:${join(folder, 'memory.sock')}`,
    'a Unix socket': `unix:${join(folder, 'stream.sock')}`,
    TCP: 'tcp:127.0.0.1:0',
    WebSocket: 'ws://127.0.0.1:0',
    'standard input and output': 'stdio:',
  };
  describe(`SIGKILL in the middle of an upload of 1 GiB, seed ${seed}`, {
    skip: process.platform !== 'linux',
  }, () => {
    let turn = 0;
    for (const [name, where] of Object.entries(urls)) {
      for (const victim of ['guest', 'host'] as const) {
        turn += 1;
        // Anywhere in its middle; early, as each MiB costs every run of the tests time.
        const mebibytes = 32 + ((seed * 7919 + turn * 104_729) % 64);
        it(`over ${name}: the ${victim}, after ${mebibytes} MiB`, { timeout: 120_000 }, async ({
          signal,
        }) => {
          await upload(where, victim, mebibytes, signal);
          assert.deepEqual(memoryFolder(), []);
          assert.deepEqual(readdirSync(folder), []);
        });
      }
    }
  });
}
