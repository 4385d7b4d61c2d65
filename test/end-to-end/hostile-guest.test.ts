import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { createHost, type Host, type Log } from '@dxgwire/host';
import { type Backend, createReferenceBackend } from '@dxgwire/host/backends';
import { commands, NtStatus } from '@dxgwire/protocol';
import { PacketKind } from '@dxgwire/transport';
import { type Link, linkMakers } from '../support/stacks.ts';
import { asCommand, type Message, WireGuest } from '../support/wire-guest.ts';

/**
 * Bad input of a guest, over each link: it gets the right status, or loses its link with a reason that both sides
 * have. The host, and another guest that works all the time, go on, and nothing is left behind.
 */

interface LogLine {
  readonly message: string;
  readonly [name: string]: unknown;
}

function recordingLog(lines: LogLine[], bindings: object = {}): Log {
  const write = (object: object, message: string) => lines.push({ ...bindings, ...object, message });
  return {
    debug() {},
    info() {},
    warn: write,
    error: write,
    child: (more) => recordingLog(lines, { ...bindings, ...more }),
  };
}

/** What a hostile guest has to be hostile with. */
interface Objects {
  readonly device: number;
  readonly destroyedDevice: number;
  readonly allocation: number;
  readonly otherProcess: number;
  readonly foreignDevice: number;
}

for (const [linkName, makeLink] of Object.entries(linkMakers)) {
  describe(`bad input over ${linkName}`, () => {
    const lines: LogLine[] = [];
    let backend: Backend;
    let host: Host;
    let link: Link;
    let bystander: KmtProcess;
    let bystanderDevice = 0;
    let empty: Record<string, number>;

    before(async () => {
      backend = createReferenceBackend();
      host = createHost({ backend, log: recordingLog(lines) });
      link = await makeLink(host);
      const driver = await startDriver(await link.connect());
      bystander = await driver.openDevice({ comm: 'bystander' });
      const { adapters } = unwrap(await bystander.enumAdapters3({ filter: 1n, adapterCount: 4 }));
      const adapter = adapters[0]!.adapterHandle;
      bystanderDevice = unwrap(await bystander.createDevice({ adapter })).device;
      empty = host.census();
    });
    after(async () => {
      await host.close();
      await link.close();
      await backend.close();
    });

    async function start(): Promise<{ guest: WireGuest; objects: Objects }> {
      const guest = await WireGuest.start(await link.connect());
      const createDevice = () => guest.call(commands.createDevice, { errorCode: 0xc001n });
      const { device } = await createDevice();
      const { device: destroyedDevice } = await createDevice();
      await guest.call(commands.destroyDevice, { device: destroyedDevice });
      const privDrvData = new Uint8Array(16);
      new DataView(privDrvData.buffer).setBigUint64(0, 4096n, true);
      const { allocationInfo } = await guest.call(commands.createAllocation, {
        device,
        allocInfo: [{ privDrvData }],
      });
      const { hprocess: otherProcess } = await guest.call(commands.createProcess, {});
      const foreign = await guest.call(commands.createDevice, { errorCode: 0xc001n }, otherProcess);
      return {
        guest,
        objects: {
          device,
          destroyedDevice,
          allocation: allocationInfo[0]!.allocation,
          otherProcess,
          foreignDevice: foreign.device,
        },
      };
    }

    async function isAsBefore(): Promise<void> {
      const { ret } = await bystander.getDeviceState({ device: bystanderDevice, stateType: 1 });
      assert.equal(ret, 0, 'the other guest goes on');
      assert.deepEqual(host.census(), empty, 'nothing is left behind');
    }

    const { invalidParameter, notSupported } = NtStatus;
    const createContext = (guest: WireGuest, device: number, process?: number) =>
      guest.message(commands.createPagingQueue, { args: { device } } as never, process);
    const refused: [string, (guest: WireGuest, objects: Objects) => Message, number][] = [
      [
        'a command number that there is not',
        (guest, { device }) => asCommand(guest.message(commands.destroyDevice, { device }), 0x7fff),
        notSupported,
      ],
      ['no handle', (guest) => guest.message(commands.destroyDevice, { device: 0 }), invalidParameter],
      [
        'a handle that never was',
        (guest) => guest.message(commands.destroyDevice, { device: 0xffff_ffff }),
        invalidParameter,
      ],
      [
        'a handle of another type',
        (guest, { allocation }) => guest.message(commands.destroyDevice, { device: allocation }),
        invalidParameter,
      ],
      [
        'a handle of an object that is gone',
        (guest, { destroyedDevice }) => guest.message(commands.destroyDevice, { device: destroyedDevice }),
        invalidParameter,
      ],
      [
        "a handle of the guest's other process",
        (guest, { foreignDevice }) => guest.message(commands.destroyDevice, { device: foreignDevice }),
        invalidParameter,
      ],
      [
        'a process that there is not',
        (guest, { device }) => guest.message(commands.destroyDevice, { device }, 0x1234_5678),
        invalidParameter,
      ],
    ];
    it('answers commands that cannot be with a status, and keeps the link', async () => {
      const { guest, objects } = await start();
      const before = host.census();
      for (const [name, build, expected] of refused) {
        const status = await guest.status(build(guest, objects));
        assert.equal(status.toString(16), expected.toString(16), name);
      }
      // A reply with more than a status says no by its null handle.
      const paging = await guest.send(createContext(guest, objects.allocation).bytes);
      assert.ok(paging === null || paging.every((byte, at) => at < 4 || byte === 0));
      assert.deepEqual(host.census(), before, 'no such command has changed anything');
      assert.equal(
        await guest.status(guest.message(commands.destroyDevice, { device: objects.device })),
        NtStatus.success,
      );
      await guest.bus.close();
      await gone(host, 1);
      await isAsBefore();
    });

    const breaking: [
      string,
      (guest: WireGuest, objects: Objects) => [bytes: Uint8Array, kind?: PacketKind],
    ][] = [
      ['an empty packet', () => [new Uint8Array(0)]],
      ['a packet shorter than a header', () => [new Uint8Array(8).fill(7)]],
      [
        'a header without its body',
        (guest, { device }) => {
          const { bytes, body } = guest.message(commands.destroyDevice, { device });
          return [bytes.subarray(0, body)];
        },
      ],
      [
        'a count that its message has no room for',
        (guest, { device, allocation }) => {
          const { bytes, body } = guest.message(commands.destroyAllocation, {
            device,
            allocations: [allocation],
          });
          const view = new DataView(bytes.buffer);
          const at = [body, body + 4, body + 8, body + 12].find(
            (offset) => view.getUint32(offset, true) === 1,
          );
          assert.ok(at !== undefined, 'the count is where it is expected');
          view.setUint32(at, 0xffff_ffff, true);
          return [bytes];
        },
      ],
      ['an answer to what nobody asked', () => [new Uint8Array(16), PacketKind.completion]],
    ];
    for (const [name, build] of breaking) {
      it(`ends the link of a guest that sends ${name}`, async () => {
        const { guest, objects } = await start();
        const [bytes, kind] = build(guest, objects);
        lines.length = 0;
        const [answer, error] = await Promise.all([guest.send(bytes, kind), guest.ended]);
        assert.equal(answer, null);
        await gone(host, 1);
        const said = lines.find(({ message }) => message === 'a guest broke the protocol: its link ends');
        assert.equal(typeof said?.['code'], 'string', 'the host logs the kind of error');
        const reason = String(said?.['reason']);
        assert.ok(reason.length > 10, 'and says what was wrong');
        assert.ok(
          error?.message.includes('ProtocolError') && error.message.includes(reason),
          `the guest learns the same: ${error?.message}`,
        );
        await isAsBefore();
      });
    }

    it("gives a driver the host's reason", async () => {
      const bus = await link.connect();
      const driver = await startDriver(bus);
      await driver.openDevice({ comm: 'driver' });
      const lost = new Promise((resolve) => {
        driver.onLost = resolve;
      });
      const victim = [...host.partitions].at(-1)!;
      const wrong = new Error('the reason for this test');
      wrong.name = 'ProtocolError';
      victim.fail(wrong);
      await lost;
      assert.match(driver.lossCause?.message ?? '', /ProtocolError: the reason for this test/);
      await gone(host, 1);
      await isAsBefore();
    });
  });
}

/** Waits until the host has no more than so many guests. */
async function gone(host: Host, left: number): Promise<void> {
  while (host.partitions.size > left) await [...host.partitions].at(-1)?.ended;
}
