import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createGPU } from '@dxgwire/guest/webgpu';
import { createHost } from '@dxgwire/host';
import { createLocalGPU, createWebgpuBackend } from '@dxgwire/host/backends/webgpu';
import { connect } from '@dxgwire/transport/connect';
import { connectWebSocket, listenWebSocket } from '@dxgwire/transport/websocket/node';
import { linkMakers, Stack } from '../support/stacks.ts';
import { OUTCOMES_WHEN_LOST, useLostDevice, WaitingCalls } from '../support/waiting-calls.ts';

const dxgwire = fileURLToPath(new URL('../bin/dxgwire.js', import.meta.resolve('@dxgwire/cli')));

/** A device, and how often and why it was lost. */
class Watched {
  readonly device: GPUDevice;
  readonly losses: GPUDeviceLostInfo[] = [];

  private constructor(device: GPUDevice) {
    this.device = device;
    void device.lost.then((info) => this.losses.push(info));
    device.onuncapturederror = (event) => event.preventDefault();
  }

  static async open(gpu: GPU): Promise<Watched> {
    const adapter = await gpu.requestAdapter();
    assert.ok(adapter !== null, 'there is no adapter');
    const watched = new Watched(await adapter.requestDevice());
    await watched.device.queue.onSubmittedWorkDone();
    return watched;
  }

  /** It was lost once, as it should, and is of no harm afterwards. */
  async verify(reason: GPUDeviceLostReason, message: RegExp): Promise<void> {
    const info = await this.device.lost;
    assert.equal(info.reason, reason);
    assert.match(info.message, message);
    assert.deepEqual(await useLostDevice(this.device), OUTCOMES_WHEN_LOST, 'calls after the loss');
    await new Promise(setImmediate);
    assert.deepEqual(this.losses, [info]);
    assert.equal(await this.device.lost, info);
  }
}

function childrenOf(pid: number): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(parent) === pid && state !== 'Z') found.push(Number(name));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

test('destroy() settles what waits as Dawn does, and loses each device once', async () => {
  const { gpu: local, globals } = await createLocalGPU();
  Object.assign(globalThis, globals);
  const stack = await Stack.start('in-process', await createWebgpuBackend());
  try {
    const run = async (gpu: GPU) => {
      const [first, second] = [await Watched.open(gpu), await Watched.open(gpu)];
      const calls = new WaitingCalls(first.device);
      first.device.destroy();
      const outcomes = await calls.settled();
      await first.verify('destroyed', /./);
      assert.deepEqual(second.losses, []);
      second.device.pushErrorScope('validation');
      second.device.createBuffer({ size: 4, usage: 8 });
      assert.equal(await second.device.popErrorScope(), null);
      second.device.destroy();
      return { outcomes, message: (await first.device.lost).message };
    };
    const expected = await run(local);
    const gpu = stack.createGPU();
    assert.deepEqual(await run(gpu), expected);
    await gpu.close();
  } finally {
    await stack.close();
  }
});

for (const linkName of Object.keys(linkMakers)) {
  test(`a GPU process that is killed loses all devices of its guest, and no others, over ${linkName}`, async () => {
    const stack = await Stack.start(linkName, await createWebgpuBackend());
    const [gpu, other] = [stack.createGPU(), stack.createGPU()];
    try {
      const elsewhere = await Watched.open(other);
      const before = childrenOf(process.pid);
      const devices = [await Watched.open(gpu), await Watched.open(gpu), await Watched.open(gpu)];
      const [pid, ...more] = childrenOf(process.pid).filter((child) => !before.includes(child));
      assert.ok(pid !== undefined && more.length === 0);
      // Stopped before it is asked: nothing is answered, whatever the machine's load.
      process.kill(pid, 'SIGSTOP');
      const calls = devices.map(({ device }) => new WaitingCalls(device));
      await new Promise(setImmediate);
      process.kill(pid, 'SIGKILL');
      for (const call of calls) assert.deepEqual(await call.settled(), OUTCOMES_WHEN_LOST);
      for (const each of devices) await each.verify('unknown', /GPU process was ended by SIGKILL/);
      assert.deepEqual(elsewhere.losses, []);
      await elsewhere.device.queue.onSubmittedWorkDone();
      const next = await Watched.open(gpu);
      const found = await new WaitingCalls(next.device).settled();
      assert.equal(found['map'], 'undefined');
      assert.equal(found['pop of an error'], 'GPUValidationError');
      assert.deepEqual(next.losses, []);
    } finally {
      await Promise.all([gpu.close(), other.close()]);
      await stack.close();
    }
  });
}

describe('a host that goes', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dxgwire-loss-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function startHost(listen: string): Promise<{ child: ChildProcess; url: string }> {
    const child = spawn(process.execPath, [dxgwire, 'host', '--listen', listen, '--json', '--log', 'fatal'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
    return { child, url: String((JSON.parse(line) as { url: string }).url) };
  }

  for (const [medium, listen] of [
    ['shm', () => `shm:${join(folder, 's')}`],
    ['unix', () => `unix:${join(folder, 'u')}`],
    ['ws', () => 'ws://127.0.0.1:0'],
  ] as const) {
    for (const how of ['SIGKILL', 'SIGINT'] as const) {
      test(`by ${how} loses all devices of a program once, over ${medium}`, async () => {
        const { child, url } = await startHost(listen());
        const log: string[] = [];
        // Without resuming: how long a guest tries to find its host again is tested below.
        const gpu = createGPU({
          connect: () => connect(url, { resume: false }),
          log: (message) => log.push(message),
        });
        const exited = once(child, 'exit');
        try {
          const devices = [await Watched.open(gpu), await Watched.open(gpu)];
          if (how === 'SIGKILL') child.kill('SIGSTOP');
          const calls = devices.map(({ device }) => new WaitingCalls(device));
          await new Promise(setImmediate);
          child.kill(how);
          const outcomes = await Promise.all(calls.map((call) => call.settled()));
          // A host that is asked to end may still answer.
          if (how === 'SIGKILL') for (const each of outcomes) assert.deepEqual(each, OUTCOMES_WHEN_LOST);
          for (const each of devices) await each.verify('unknown', /./);
          assert.equal(await gpu.requestAdapter(), null);
          assert.ok(log.length > 0);
        } finally {
          child.kill('SIGKILL');
          await exited;
          await gpu.close();
        }
      });
    }
  }
});

/** Passes bytes on until it is cut for good. */
async function startProxy(port: number): Promise<{ port: number; cut(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const to = createConnection({ port, host: '127.0.0.1' });
    for (const each of [socket, to]) {
      sockets.add(each);
      each.on('error', () => {}).on('close', () => sockets.delete(each));
    }
    socket.pipe(to).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async cut() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

test('a link that is cut for longer than its lease loses the devices once, and frees them on the host', async () => {
  const backend = await createWebgpuBackend();
  const host = createHost({ backend });
  const empty = host.census();
  const listener = await listenWebSocket({
    host: '127.0.0.1',
    port: 0,
    leaseMs: 200,
    onHostBus: (bus) => void host.attach(bus),
  });
  const proxy = await startProxy(Number(new URL(listener.url).port));
  const gpu = createGPU({ connect: () => connectWebSocket(`ws://127.0.0.1:${proxy.port}`), log: () => {} });
  try {
    const devices = [await Watched.open(gpu), await Watched.open(gpu)];
    await proxy.cut();
    const calls = devices.map(({ device }) => new WaitingCalls(device));
    for (const call of calls) assert.deepEqual(await call.settled(), OUTCOMES_WHEN_LOST);
    for (const each of devices) await each.verify('unknown', /./);
    while (host.partitions.size > 0) await new Promise(setImmediate);
    assert.deepEqual(host.census(), empty);
  } finally {
    await gpu.close();
    await listener.close();
    await host.close();
    await backend.close();
  }
});
