import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  GuestJudge,
  GuestView,
  guestRules,
  type Report,
  reportText,
  runGuestConformance,
} from '@dxgwire/conformance';
import { startDriver } from '@dxgwire/guest/kmt';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';

interface Line {
  readonly type: string;
  readonly dir: string;
  readonly name: string;
  readonly channel: number;
  readonly id: number;
  readonly hex: string;
  readonly zeros?: number;
  readonly reply_min?: number;
  readonly detail?: string;
}

const path = fileURLToPath(new URL('../../fixtures/traces/full-v40-sync-gpadl.jsonl', import.meta.url));
const lines = readFileSync(path, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Line);

function bytesOf({ hex, zeros = 0 }: Line): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2 + zeros);
  bytes.set(Buffer.from(hex, 'hex'));
  return bytes;
}

/** What a guest that sends the recorded packets is found to be; `change` makes it a broken one. */
function judgeTrace(
  change: (
    bytes: Uint8Array,
    line: Line,
    count: number,
  ) => Partial<{ bytes: Uint8Array; id: number; flags: number; channel: number }> | null = () => ({}),
): GuestJudge {
  const judge = new GuestJudge(new GuestView(40, 16n << 20n, [(0x77n << 32n) | 0xabcd00n]));
  let count = 0;
  for (const line of lines) {
    const detail = /offset (\d+) <- 0x([0-9a-f]+)/.exec(line.detail ?? '');
    if (line.name === 'PciWrite' && detail !== null) {
      judge.take({
        kind: 'pciWrite',
        offset: Number(detail[1]),
        value: Number.parseInt(detail[2] ?? '', 16),
      });
    } else if (line.name === 'ChannelOpen') judge.take({ kind: 'open', channel: line.channel });
    else if (line.type === 'inband' && line.dir === 'g2h') {
      count += 1;
      const changed = change(bytesOf(line), line, count);
      if (changed === null) continue;
      const flags = changed.flags ?? (line.id === 0 ? 0 : 1);
      const { channel = line.channel, id = line.id, bytes = bytesOf(line) } = changed;
      judge.take({ kind: 'packet', channel, packetKind: 6, id: BigInt(id), flags, bytes });
    } else if (line.type === 'completion') {
      judge.take({ kind: 'answer', channel: line.channel, id: BigInt(line.id), bytes: bytesOf(line) });
    }
  }
  return judge;
}

/** Changes one word of each message of a name. */
function withWord(
  name: string,
  offset: number,
  value: number,
): (bytes: Uint8Array, line: Line) => { bytes: Uint8Array } {
  return (bytes, line) => {
    if (line.name === name) new DataView(bytes.buffer).setUint32(offset, value, true);
    return { bytes };
  };
}

const brokenGuests: readonly [name: string, caughtBy: string, change: Parameters<typeof judgeTrace>[0]][] = [
  ['a transaction id twice', 'GUEST-05', (_, line, count) => ({ id: count > 5 ? line.id - 1 : line.id })],
  ['a reserved field in the extended header', 'GUEST-08', withWord('CreateDevice', 4, 1)],
  ['a LUID in a global command', 'GUEST-09', withWord('CreateProcess', 8, 5)],
  ['a LUID that is nobody’s', 'GUEST-10', withWord('CreateDevice', 8, 5)],
  ['a command_id', 'GUEST-11', withWord('CreateDevice', 16, 5)],
  ['reserved bits of the channel field', 'GUEST-12', withWord('CreateDevice', 28, 0x1000)],
  ['a command that there is not', 'GUEST-13', withWord('CreateDevice', 32, 200)],
  ['no SetIoSpaceRegion', 'GUEST-14', (_, line) => (line.name === 'SetIoSpaceRegion' ? null : {})],
  ['an IO space that is not page aligned', 'GUEST-15', withWord('SetIoSpaceRegion', 40, 7)],
  ['no OpenAdapter', 'GUEST-16', (_, line) => (line.name === 'OpenAdapter' ? null : {})],
  ['another version in OpenAdapter', 'GUEST-18', withWord('OpenAdapter', 40, 39)],
  ['a process in OpenAdapter', 'GUEST-19', withWord('OpenAdapter', 24, 0x80000040)],
  ['a process that nobody gave', 'GUEST-20', withWord('CreateDevice', 24, 77)],
  [
    'a message cut short',
    'GUEST-21',
    (bytes, line) => ({ bytes: line.name === 'MakeResident' ? bytes.slice(0, 48) : bytes }),
  ],
  [
    'one-way messages that were not asked for',
    'GUEST-22',
    (_, line) => (line.name === 'SubmitCommand' ? { flags: 0, id: 0 } : {}),
  ],
  ['async_msg in what wants an answer', 'GUEST-23', withWord('SubmitCommand', 28, 0x100)],
  [
    'a global command on a vGPU channel',
    'GUEST-24',
    (_, line) => (line.name === 'DestroySyncObject' ? { channel: 2 } : {}),
  ],
  ['a device that nobody gave', 'GUEST-26', withWord('DestroyDevice', 40, 0x777)],
  ['a flush without its reason', 'GUEST-27', withWord('DestroyDevice', 32, 42)],
  ['one event id for all waits', 'GUEST-28', withWord('WaitForSyncObjectFromCpu', 56, 2)],
  ['more objects than there are', 'GUEST-29', withWord('WaitForSyncObjectFromCpu', 44, 900)],
  ['more private data than there is', 'GUEST-30', withWord('QueryAdapterInfo', 44, 90_000)],
  ['a global handle that nobody gave', 'GUEST-31', withWord('OpenSyncObject', 44, 5)],
  ['an NT object that nobody gave', 'GUEST-32', withWord('OpenResource', 48, 5)],
  ['a resource and allocations to destroy', 'GUEST-34', withWord('DestroyAllocation', 44, 9)],
  ['its own adapter handle in place of the host’s', 'GUEST-35', withWord('Escape', 40, 0x40000000)],
  ['a device in MakeResident', 'GUEST-36', withWord('MakeResident', 40, 9)],
];

function text(judge: GuestJudge): string {
  return judge
    .results()
    .filter(({ verdict }) => verdict === 'failed')
    .map(({ requirement, got }) => `${requirement.id}: ${got}`)
    .join('\n');
}

describe('the conformance kit on guests', () => {
  it('finds nothing against the stock driver in its recorded trace', () => {
    const judge = judgeTrace();
    assert.equal(text(judge), '');
    const passed = judge.results().filter(({ verdict }) => verdict === 'passed').length;
    assert.ok(passed >= 30, `only ${passed} rules apply to the trace`);
  });

  it('finds nothing against our driver', async () => {
    const backend = createReferenceBackend();
    const host = createHost({ backend });
    const bus = createInProcessBus({ guestMemoryBytes: 16 << 20 });
    const judged = runGuestConformance(bus.host, (inner) => host.attach(inner));
    while (bus.guest.pciFunctions.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const driver = await startDriver(bus.guest);
    const process = await driver.openDevice({ pid: 1, comm: 'conformance' });
    const { adapters } = (await process.enumAdapters3({ filter: 1n, adapterCount: 8 })) as unknown as {
      adapters: { adapterHandle: number }[];
    };
    const adapter = adapters[0]?.adapterHandle ?? 0;
    await process.createDevice({ adapter });
    await process.closeDevice();
    await driver.close();
    await bus.guest.close();
    const report: Report = await judged;
    assert.equal(report.failed, 0, reportText(report));
    assert.ok(report.passed > 15);
    await host.close();
    await backend.close();
  });

  const caught = new Set<string>();
  for (const [name, id, change] of brokenGuests) {
    it(`catches ${name}`, () => {
      const found = judgeTrace(change)
        .results()
        .find(({ requirement }) => requirement.id === id);
      assert.equal(found?.verdict, 'failed', `${id} passes a guest with ${name}`);
      caught.add(id);
    });
  }

  it('names how many rules a broken guest makes fail', () => {
    process.stdout.write(
      `broken guests: ${brokenGuests.length}; rules that one makes fail: ${caught.size} of ${guestRules.length}\n`,
    );
    assert.ok(caught.size >= 20);
  });
});
