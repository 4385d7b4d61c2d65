import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { startDriver } from '@dxgwire/guest/kmt';
import { createHost, createLog, type Host } from '@dxgwire/host';
import type { Backend, BackendAdapter } from '@dxgwire/host/backends';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { commands } from '@dxgwire/protocol';
import { bootAndRun, runJob, untilStarted } from './job.ts';
import { Machine, type MachineOptions, PAGE_BYTES, settle } from './machine.ts';
import { RawGuest } from './raw-guest.ts';
import type { Scribbler } from './scribbler.ts';

/** Words of a ring's header, and bytes of a ring's data. */
const WORDS = { writeIndex: 0, readIndex: 1, interruptMask: 2, pendingSendSize: 3, featureBits: 16 };
const DATA_BYTES = 63 * PAGE_BYTES;

/** Every use of the backend writes over the guest's outbound rings: the command under way must not be read again. */
function withHook(backend: Backend, hook: () => void): Backend {
  return {
    name: backend.name,
    adapters: backend.adapters,
    async openAdapter(index, environment) {
      const adapter = await backend.openAdapter(index, environment);
      return new Proxy<BackendAdapter>(adapter, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key, target);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            hook();
            return value.apply(target, args);
          };
        },
      });
    },
    close: () => backend.close(),
  };
}

describe('rings of a hostile guest', () => {
  let host: Host;
  let backend: Backend;
  let other: Machine;
  const errors: string[] = [];

  before(() => {
    backend = createReferenceBackend();
    const log = createLog({ level: 'error', destination: { write: (line) => errors.push(line) } });
    host = createHost({ backend, log });
    other = new Machine(host);
  });
  after(async () => {
    await other.powerOff();
    await host.close();
    await backend.close();
    assert.ok(Object.values(host.census()).every((count) => count === 0));
  });

  /** Does something to a machine, then sees that the host is well and the other guest at work. */
  async function survive(
    options: MachineOptions,
    act: (guest: RawGuest, machine: Machine) => Promise<void>,
  ): Promise<void> {
    const machine = new Machine(host, options);
    const guest = await RawGuest.start(machine);
    await act(guest, machine);
    await settle();
    await machine.powerOff();
    const left = Object.entries(machine.partition.census()).filter(([, count]) => count !== 0);
    assert.deepEqual(left, []);
    assert.deepEqual(errors, [], 'the host found no defect of its own');
  }

  const values = [
    1,
    4,
    7,
    8,
    DATA_BYTES - 8,
    DATA_BYTES,
    DATA_BYTES + 8,
    2 ** 31 - 8,
    2 ** 31,
    2 ** 32 - 8,
    2 ** 32 - 1,
  ];
  for (const channel of [1, 2]) {
    for (const ring of [0, 1] as const) {
      for (const [name, word] of Object.entries(WORDS)) {
        const owner = ring === 0 ? 'outbound' : 'inbound';
        test(`${name} of the guest’s ${owner} ring of channel ${channel}, any value`, async () => {
          for (const value of values) {
            const options = {
              asyncMessages: false,
              ringPages: value % 16 === 0 ? 'apart' : 'together',
            } as const;
            await survive(options, async (guest, machine) => {
              const header = machine.ringHeader(channel, ring);
              for (let round = 0; round < 3; round += 1) {
                header[word] = value;
                machine.hostBus.doorbell(channel);
                if (guest.closed.size === 0) {
                  const command = channel === 1 ? commands.createProcess : commands.flushHeapTransitions;
                  void guest.send(command, {} as never);
                }
                // After the guest has published its own, so that this is what the host finds.
                await Promise.resolve();
                header[word] = value;
                await settle();
              }
            });
          }
          await bootAndRun(other.guest);
        });
      }
    }
  }

  test('packets that cannot be end the channel, and nothing else', async () => {
    const heads: [type: number, offset8: number, len8: number, flags: number][] = [];
    for (const type of [0, 1, 5, 7, 8, 9, 11, 12, 0xffff]) heads.push([type, 2, 4, 0]);
    for (const offset8 of [0, 1, 3, 5, 0xffff]) heads.push([6, offset8, 4, 1]);
    for (const len8 of [0, 1, 2, 3, 5, 0x3fff, 0x7fff, 0x8000, 0xffff]) heads.push([6, 2, len8, 1]);
    for (const flags of [2, 3, 0x8000, 0xffff]) heads.push([6, 2, 4, flags]);
    for (const [type, offset8, len8, flags] of heads) {
      await survive({ asyncMessages: false }, async (_guest, machine) => {
        const header = machine.ringHeader(2, 0);
        const at = header[WORDS.writeIndex]!;
        const pages = machine.ringPages(2);
        const page = pages[1 + Math.floor(at / PAGE_BYTES)]!;
        const view = new DataView(page.buffer, page.byteOffset + (at % PAGE_BYTES), 40);
        view.setUint32(0, type | (offset8 << 16), true);
        view.setUint32(4, len8 | (flags << 16), true);
        header[WORDS.writeIndex] = at + 40;
        machine.hostBus.doorbell(2);
        await settle();
        assert.ok(machine.told.length > 0, `type ${type} offset ${offset8} length ${len8} flags ${flags}`);
      });
    }
    await bootAndRun(other.guest);
  });

  for (const ringPages of ['together', 'apart'] as const) {
    test(`bytes that change while a command is carried out are not read again, pages ${ringPages}`, async () => {
      let overwrites = 0;
      let machine: Machine | null = null;
      const reference = createReferenceBackend();
      const hooked = withHook(reference, () => {
        for (const channel of machine?.rings.keys() ?? []) {
          const pages = machine!.ringPages(channel);
          for (const page of pages.slice(1, pages.length / 2)) page.fill(0xff);
          overwrites += 1;
        }
      });
      const ownHost = createHost({ backend: hooked });
      machine = new Machine(ownHost, { asyncMessages: false, ringPages });
      const driver = await startDriver(machine.guest);
      await untilStarted(driver);
      await runJob(driver, machine.guest);
      await driver.close();
      assert.ok(overwrites > 20, `${overwrites}`);
      await machine.powerOff();
      await ownHost.close();
      await reference.close();
    });
  }

  const seed = Number(process.env['DXGWIRE_SEED'] ?? 20_241_121);
  for (const what of ['data', 'headers', 'headers and data'] as const) {
    test(`another processor writes into ${what} all the time (seed ${seed})`, async () => {
      let answered = 0;
      let ended = 0;
      for (let round = 0; round < 4; round += 1) {
        const ringPages = round % 2 === 0 ? 'together' : 'apart';
        await survive({ asyncMessages: round % 3 !== 0, ringPages, shared: true }, async (guest, machine) => {
          const { buffer } = machine.ram[0]!.bytes;
          const high = machine.ram[1]!.bytes.buffer;
          const pages = [1, 2].flatMap((channel) => machine.ringPages(channel));
          const inLow = pages.filter((page) => page.buffer === buffer);
          const used = inLow.length > 0 ? inLow : pages.filter((page) => page.buffer === high);
          const offsets = used.map(({ byteOffset }) => byteOffset);
          const isHeader = (index: number) => index % 64 === 0;
          const task: Scribbler = {
            ram: (inLow.length > 0 ? buffer : high) as SharedArrayBuffer,
            headers: what === 'data' ? [] : offsets.filter((_, index) => isHeader(index)),
            data: what === 'headers' ? [] : offsets.filter((_, index) => !isHeader(index) && index % 64 < 3),
            writes: 500_000,
            seed: seed + round,
          };
          const worker = new Worker(new URL('./scribbler.js', import.meta.url), { workerData: task });
          const gone = once(worker, 'exit');
          let isRunning = true;
          worker.once('exit', () => {
            isRunning = false;
          });
          while (isRunning) {
            if (guest.closed.size < 2) {
              for (const command of [commands.createProcess, commands.flushHeapTransitions]) {
                if (guest.closed.has(command.channel === 'vgpu' ? 2 : 1)) continue;
                void guest.send(command as typeof commands.createProcess, {}).then((payload) => {
                  if (payload !== null) answered += 1;
                });
              }
            }
            machine.hostBus.doorbell(1);
            machine.hostBus.doorbell(2);
            await settle();
          }
          await gone;
          ended += machine.told.length > 0 || guest.closed.size > 0 ? 1 : 0;
        });
      }
      assert.ok(answered + ended > 0);
      await bootAndRun(other.guest);
    });
  }
});
