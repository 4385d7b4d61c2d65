import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type GuestJudge,
  guestRules,
  type Report,
  reportJunit,
  reportText,
  runGuestConformance,
} from '@dxgwire/conformance';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { protobufGuestBus } from '@dxgwire/protocol/protobuf';
import { type Channel, Codec, type GuestBus, type Packet, PacketKind } from '@dxgwire/transport';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { brokenGuests } from './broken-guests.ts';
import { useDriver } from './driver-program.ts';
import { judgeTrace } from './guest-trace.ts';

function text(judge: GuestJudge): string {
  return judge
    .results()
    .filter(({ verdict }) => verdict === 'failed')
    .map(({ requirement, got }) => `${requirement.id}: ${got}`)
    .join('\n');
}

/** A guest that crashes on certain packets. */
function crashOn(
  bus: GuestBus,
  isTooMuch: (packet: Packet, channel: number) => boolean,
  onCrash: () => void,
): GuestBus {
  const watch = (channel: Channel): Channel =>
    new Proxy(channel, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
      },
      set(target, key, value) {
        if (key !== 'onPacket' || value === null) return Reflect.set(target, key, value, target);
        target.onPacket = (packet) => {
          if (isTooMuch(packet, channel.index)) {
            bus.abort(new Error('this broken guest has crashed'));
            onCrash();
          } else (value as (packet: Packet) => void)(packet);
        };
        return true;
      },
    });
  return new Proxy(bus, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key === 'open') return async (index: number) => watch(await target.open(index));
      return typeof value === 'function' && !String(key).startsWith('on') ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

async function judgeDriver(
  isTooMuch: (packet: Packet, channel: number) => boolean,
  isObserving = false,
  drivers = 1,
  guestOf = (bus: ReturnType<typeof createInProcessBus>): GuestBus => bus.guest,
): Promise<Report> {
  const backend = createReferenceBackend();
  const host = createHost({ backend });
  const bus = createInProcessBus({ guestMemoryBytes: 16 << 20 });
  const guest = guestOf(bus);
  const judged = runGuestConformance(bus.host, (inner) => host.attach(inner), { isObserving });
  while (bus.guest.pciFunctions.length === 0) await new Promise((resolve) => setImmediate(resolve));
  let crash: () => void = () => {};
  // Who crashes does not wait for what it had asked for.
  const crashed = new Promise<void>((resolve) => {
    crash = resolve;
  });
  const used = (async () => {
    for (let count = 0; count < drivers; count += 1) await useDriver(crashOn(guest, isTooMuch, crash));
  })();
  await Promise.race([used, crashed]);
  used.catch(() => {});
  await bus.guest.close();
  const report = await judged;
  await host.close();
  await backend.close();
  return report;
}

function wordOf({ bytes, offset, length }: Packet, at: number): number {
  return length < at + 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(at, true);
}

const isMessage = ({ kind }: Packet): boolean => kind === PacketKind.inBand;

function isLong(packet: Packet): boolean {
  const { kind, length } = packet;
  return kind === PacketKind.completion && length > 64 && wordOf(packet, length - 4) === 0xa5a5_a5a5;
}

function secondEvent(): (packet: Packet) => boolean {
  const seen = new Set<number>();
  return (packet) => {
    if (!isMessage(packet) || wordOf(packet, 16) !== 0) return false;
    const id = wordOf(packet, 24);
    const isSecond = seen.has(id);
    seen.add(id);
    return isSecond;
  };
}

/** Whether an answer comes behind one to a later request: of those who take each for the oldest that waits. */
function unorderedAnswer(): (packet: Packet, channel: number) => boolean {
  const last = new Map<number, number>();
  return ({ kind, idLow, idHigh }, channel) => {
    if (kind !== PacketKind.completion || idHigh !== 0) return false;
    const isLate = idLow < (last.get(channel) ?? 0);
    last.set(channel, idLow);
    return isLate;
  };
}

/** Guests with our driver that a host may not do certain things to. */
const frail: readonly [
  name: string,
  caughtBy: string,
  isTooMuch: (packet: Packet, channel: number) => boolean,
][] = [
  ['answers longer than asked for', 'GUEST-38', isLong],
  ['an event twice', 'GUEST-39', secondEvent()],
  [
    'an event with id 0',
    'GUEST-39',
    (packet) => isMessage(packet) && wordOf(packet, 16) === 0 && wordOf(packet, 24) === 0,
  ],
  ['a message that there is not', 'GUEST-40', (packet) => isMessage(packet) && wordOf(packet, 16) === 77],
  ['an answer to nothing', 'GUEST-89', ({ kind, idHigh }) => kind === PacketKind.completion && idHigh !== 0],
  [
    'a message on the channel of a virtual GPU',
    'GUEST-90',
    (packet, channel) => isMessage(packet) && channel > 1,
  ],
  ['answers in another order', 'GUEST-91', unorderedAnswer()],
  ['a message cut short', 'GUEST-40', (packet) => isMessage(packet) && packet.length < 48],
];

describe('the conformance kit on guests', () => {
  it('finds nothing against the stock driver in its recorded trace', () => {
    const judge = judgeTrace();
    assert.equal(text(judge), '');
    const passed = judge.results().filter(({ verdict }) => verdict === 'passed').length;
    assert.ok(passed >= 30, `only ${passed} rules apply to the trace`);
  });

  it('finds nothing against our driver, whatever it has to bear', async () => {
    const report = await judgeDriver(() => false);
    assert.equal(report.failed, 0, reportText(report));
    const skipped = report.results.filter(({ verdict }) => verdict === 'skipped');
    const ids = skipped.map(({ requirement }) => requirement.id);
    for (const id of ['GUEST-38', 'GUEST-39', 'GUEST-40', 'GUEST-89', 'GUEST-90', 'GUEST-91'])
      assert.ok(!ids.includes(id), `${id} was not looked at`);
    assert.ok(report.passed > 20);
  });

  it('does nothing to a guest that is to be observed only', async () => {
    const report = await judgeDriver(() => false, true);
    assert.equal(report.failed, 0, reportText(report));
    const { verdict } = report.results.find(({ requirement }) => requirement.id === 'GUEST-38') ?? {};
    assert.equal(verdict, 'skipped');
  });

  it('judges a guest that speaks protobuf by what its messages say', async () => {
    const report = await judgeDriver(
      () => false,
      false,
      1,
      (bus) => {
        Object.defineProperty(bus.host, 'codec', { value: Codec.protobuf });
        return protobufGuestBus(bus.guest);
      },
    );
    assert.equal(report.failed, 0, reportText(report));
    assert.ok(report.passed > 20);
  });

  it('says so when a link breaks, and when a guest said nothing: neither has kept what it was not asked', async () => {
    for (const [end, why] of [
      [(bus: GuestBus) => bus.close(), /^the guest has ended its link without a message$/],
      [(bus: GuestBus) => bus.abort(new Error('this guest was killed')), /^the guest's link broke: .*killed/],
    ] as const) {
      const bus = createInProcessBus({ guestMemoryBytes: 1 << 20 });
      const host = createHost({ backend: createReferenceBackend() });
      const judged = runGuestConformance(bus.host, (inner) => host.attach(inner));
      void end(bus.guest);
      const report = await judged;
      assert.match(report.gaveUp ?? '', why);
      // A CI that reads nothing else sees it too.
      const junit = reportJunit(report);
      assert.match(junit, /tests="\d+" failures="\d+" skipped="\d+" errors="1"/);
      assert.match(junit, /<error type="given up" message="the guest/);
      await host.close();
    }
  });

  it('finds nothing against a driver that is removed and loaded again: channels begin afresh', async () => {
    const report = await judgeDriver(() => false, true, 2);
    assert.equal(report.failed, 0, reportText(report));
  });

  it('asks nothing more of a guest whose virtual GPU has gone', () => {
    const judge = judgeTrace((events) => {
      const at = events.findLastIndex(({ kind, name }) => kind === 'packet' && name === 'DestroyHwQueue');
      const isLost = (event: (typeof events)[number]): boolean => 'channel' in event && event.channel === 2;
      const rest = events.slice(at).filter((event) => !isLost(event));
      return [...events.slice(0, at), { kind: 'closed', channel: 2 }, ...rest];
    });
    assert.equal(text(judge), '');
  });

  it('judges messages cut short by what is there of them, wherever they end', () => {
    for (const lengthBytes of [0, 15, 39, 40, 44, 52, 60, 76]) {
      const judge = judgeTrace((events) =>
        events.map((event) =>
          event.kind === 'packet' ? { ...event, bytes: event.bytes.slice(0, lengthBytes) } : event,
        ),
      );
      assert.match(text(judge), lengthBytes < 40 ? /^GUEST-07: /m : /^GUEST-21: /m);
    }
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

  for (const [name, id, isTooMuch] of frail) {
    it(`catches a guest that crashes on ${name}`, async () => {
      const report = await judgeDriver(isTooMuch);
      const found = report.results.find(({ requirement }) => requirement.id === id);
      assert.equal(found?.verdict, 'failed', `${id} passes a guest that crashes on ${name}`);
      assert.match(found?.got ?? '', /this broken guest has crashed|turns with messages later/);
    });
  }

  it('has a broken guest for every rule', () => {
    process.stdout.write(
      `broken guests: ${brokenGuests.length + frail.length}; rules that one makes fail: ${caught.size} of ${guestRules.length}\n`,
    );
    assert.deepEqual(
      guestRules.map(({ id }) => id).filter((id) => !caught.has(id)),
      [],
    );
  });
});
