import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { isProtocolError, type ProtocolErrorCode } from './errors.ts';
import { channelOf, createCommandHeader, decodeHeader, decodeHostHeader } from './header.ts';
import * as message from './message.ts';
import { commandById, commands } from './registry.ts';
import { exchangeArbitrary, type Values } from './schema/arbitrary.test.ts';
import type { CommandDef } from './schema/command.ts';
import { toSnakeCase } from './schema/entries.ts';
import { NtStatus } from './status.ts';

/** Whole packets: headers, exact lengths against the facts' expressions, replies in their versions and failures. */

interface FactsTail {
  readonly name: string;
  readonly count: string;
}

interface FactsCommand {
  readonly name: string;
  readonly id: number;
  readonly channel: string;
  readonly request: string | null;
  readonly requestSize?: string;
  readonly requestTail: readonly FactsTail[];
  readonly responseSize?: string;
  readonly responseVariants?: readonly { readonly when: string; readonly responseSize: string }[];
  readonly statusField?: string | null;
  readonly hdrProcess?: string;
  readonly async: { readonly possible: boolean };
}

const factsFile = new URL('../../../test/fixtures/dxgkrnl-abi.json', import.meta.url);
const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as { readonly commands: readonly FactsCommand[] };

const guestCommands = (Object.values(commands) as CommandDef[]).filter(
  (def) => def.sent && def.channel !== 'host',
);

function factsOf(def: CommandDef): FactsCommand {
  const found = facts.commands.find(({ channel, id }) => channel === def.channel && id === def.id);
  assert.ok(found !== undefined, def.name);
  return found;
}

/** Snake-case names of a value's fields with counts filled in from its arrays, as the facts' expressions use them. */
function environment(command: FactsCommand, request: Values): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  const add = (prefix: string, values: Values): void => {
    for (const [key, value] of Object.entries(values)) {
      const name = `${prefix}${toSnakeCase(key)}`;
      if (key === 'args') add('args.', value as Values);
      else all[name] = value;
    }
  };
  add('', request);
  for (const { name, count } of command.requestTail) {
    const key = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const length = (request[key] as ArrayLike<unknown> | undefined)?.length;
    if (/^[a-z_.$]+$/i.test(count) && length !== undefined) all[count] = length;
  }
  return all;
}

/** Evaluates an expression of the facts file: an implementation of its own, apart from the table's. */
function evaluate(expression: string, command: FactsCommand, request: Values): number {
  const names = environment(command, request);
  const source = expression
    .replace(/sumOf\("alloc_info\.priv_drv_data_size"\)/g, '$sum')
    .replace(/[a-z_$][\w.$]*/gi, (name) =>
      name in helpers || name === '$sum' ? name : `$value(${JSON.stringify(name)})`,
    );
  const infos = (request['allocInfo'] ?? []) as readonly { readonly privDrvData: Uint8Array }[];
  const sum = infos.reduce((total, { privDrvData }) => total + privDrvData.length, 0);
  const value = (name: string): number => {
    if (name === '$fenceCount') return (request['fenceValues'] as ArrayLike<bigint>).length;
    assert.ok(name in names, `${command.name}: ${name}`);
    return Number(names[name]);
  };
  const run = new Function(...Object.keys(helpers), '$sum', '$value', `return ${source}`);
  return run(...Object.values(helpers), sum, value) as number;
}

const helpers = {
  max: Math.max,
  up8: (value: number) => Math.ceil(value / 8) * 8,
  idiv: (a: number, b: number) => Math.floor(a / b),
  when: (condition: number, a: number, b: number) => (condition ? a : b),
};

const packet = new Uint8Array(256 * 1024);
const view = new DataView(packet.buffer);
const luid = { low: 0xabcd00, high: 0x77 };

function errorWith(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => isProtocolError(error) && error.code === code;
}

for (const def of guestCommands) {
  test(`${def.name}: request and reply lengths are those of the facts, in both versions`, () => {
    const command = factsOf(def);
    fc.assert(
      fc.property(exchangeArbitrary(def), fc.constantFrom(40, 27), ({ request, reply }, version) => {
        const expected = evaluate(command.requestSize as string, command, request) + (version >= 40 ? 16 : 0);
        const header = { version, process: 7, vgpuLuid: luid, async: false };
        assert.equal(message.requestSize(def, version, request), expected);
        assert.equal(message.encodeRequest(def, header, request, view, 8), expected);
        const variant = version < 40 ? command.responseVariants?.[0] : undefined;
        const length = evaluate(variant?.responseSize ?? (command.responseSize as string), command, request);
        assert.equal(message.minimumReplyBytes(def, version, request), length);
        if (reply === null) return;
        packet.fill(0xcc, 0, length + 64);
        if (version < 40 && 'status' in reply) reply['status'] = 0;
        if (version < 40 && 'hostVgpuLuid' in reply) reply['hostVgpuLuid'] = { low: 0, high: 0 };
        const size = message.encodeReply(def, version, reply, view, 0, request);
        // Private data that comes back shorter than it was still fills the length demanded.
        assert.equal(size, length);
        assert.deepEqual(message.decodeReply(def, version, view, 0, size, request), reply);
        assert.deepEqual(message.decodeReply(def, version, view, 0, (size + 7) & -8, request), reply);
        if (length > 0) {
          const short = (): unknown => message.decodeReply(def, version, view, 0, length - 1, request);
          assert.throws(short, errorWith('truncated'));
        }
      }),
      { numRuns: 25 },
    );
  });

  test(`${def.name}: header, status place and one-way use are those of the facts`, () => {
    const command = factsOf(def);
    const process = { process: 'caller', zero: 'zero', target: 'target' }[command.hdrProcess as 'zero'];
    assert.equal(def.headerProcess, process);
    assert.equal(def.oneWay, command.async.possible ? 'when-async' : 'never');
    assert.equal(def.statusOffset !== null, command.statusField !== null);
    assert.equal(def.failure === 'status', command.statusField !== null);
  });

  test(`${def.name}: a failure has the full length and its status, or the form that stands for one`, () => {
    const request = fc.sample(exchangeArbitrary(def), { numRuns: 1, seed: 3 })[0]?.request ?? {};
    for (const version of [40, 27]) {
      packet.fill(0xcc, 0, 4096);
      const size = message.encodeFailureReply(def, version, NtStatus.noMemory, request, view, 0);
      const length = message.minimumReplyBytes(def, version, request);
      const oldQuery = version === 27 && def.name === 'QueryAdapterInfo';
      if (def.failure === 'short-reply' || oldQuery) {
        assert.equal(size, 0);
        continue;
      }
      assert.equal(size, length);
      if (def.failure !== 'status') continue;
      const reply = message.decodeReply(def, version, view, 0, size, request) as { readonly status: number };
      assert.equal(reply.status, NtStatus.noMemory);
      assert.equal(view.getUint32(def.statusOffset as number, true), NtStatus.noMemory);
    }
  });
}

/** Found by the second decoder's malformed messages: the codec refused what the driver takes. */
test('regression: the length of private data that a reply repeats is not looked at', () => {
  const privDrvData = Uint8Array.of(1, 2, 3);
  for (const [def, at] of [
    [commands.createContextVirtual, 48],
    [commands.createHwQueue, 64],
  ] as const) {
    const size = message.encodeReply(def, 40, { privDrvData }, view, 0, { privDrvData });
    assert.equal(view.getUint32(at, true), 3, `${def.name} writes it`);
    for (const wrong of [0, 2, 4, 0xffff_ffff]) {
      view.setUint32(at, wrong, true);
      const reply = message.decodeReply<{ privDrvData: Uint8Array }>(def, 40, view, 0, size, { privDrvData });
      assert.deepEqual([...reply.privDrvData], [1, 2, 3], `${def.name}: ${wrong}`);
    }
  }
});

test('headers: what was encoded is read back, through the offset of the extended header', () => {
  const header = createCommandHeader();
  const requestHeader = { version: 40, process: 0x40000440, vgpuLuid: luid, async: true };
  const size = message.encodeRequest(commands.submitCommandToHwQueue, requestHeader, {}, view, 16);
  decodeHeader(view, 16, size, 40, header);
  assert.deepEqual(header, {
    commandOffset: 32,
    vgpuLuidLow: luid.low,
    vgpuLuidHigh: luid.high,
    process: 0x40000440,
    channelType: 0,
    async: true,
    commandType: 52,
    bodyOffset: 56,
    bodyLength: 56,
  });
  assert.equal(commandById(channelOf(header), header.commandType), commands.submitCommandToHwQueue);

  message.encodeRequest(commands.destroyProcess, { ...requestHeader, async: false }, {}, view, 0);
  decodeHeader(view, 0, 40, 40, header);
  assert.equal(header.vgpuLuidLow, 0, 'global commands name no virtual GPU');
  assert.equal(channelOf(header), 'global');

  // A header further on, as a later version may send it.
  packet.copyWithin(24, 16, 40);
  view.setUint32(0, 24, true);
  decodeHeader(view, 0, 48, 40, header);
  assert.deepEqual([header.commandOffset, header.bodyOffset, header.bodyLength], [24, 48, 0]);

  const old = message.encodeRequest(
    commands.destroyDevice,
    { ...requestHeader, version: 27, async: false },
    { device: 9 },
    view,
    0,
  );
  decodeHeader(view, 0, old, 27, header);
  assert.deepEqual(
    [header.commandOffset, header.bodyOffset, header.bodyLength, header.vgpuLuidLow],
    [0, 24, 8, 0],
  );

  const event = message.encodeHostMessage(commands.signalGuestEvent, { event: 5n }, view, 0);
  assert.equal(event, 48);
  decodeHostHeader(view, 0, event, header);
  assert.equal(channelOf(header), 'host');
  assert.equal(commandById('host', header.commandType), commands.signalGuestEvent);
  const { request } = commands.signalGuestEvent;
  assert.deepEqual(request?.decode(view, header.bodyOffset, header.bodyLength), {
    event: 5n,
    processId: 0n,
    dereferenceEvent: false,
  });
});

test('headers: bytes that are none end in a ProtocolError', () => {
  const header = createCommandHeader();
  const read = (version: number, length: number) => () => decodeHeader(view, 0, length, version, header);
  for (let length = 0; length < 40; length++) {
    view.setUint32(0, 16, true);
    assert.throws(read(40, length), errorWith('truncated'));
  }
  for (let length = 0; length < 24; length++) assert.throws(read(27, length), errorWith('truncated'));
  for (const offset of [0, 8, 15, 17, 20, 24, 0x7fffffff, 0xfffffff8]) {
    packet.fill(0, 0, 64);
    view.setUint32(0, offset, true);
    assert.throws(read(40, 40), errorWith('bad-value'));
  }
  packet.fill(0, 0, 64);
  view.setUint32(0, 16, true);
  view.setUint32(28, 3, true);
  assert.throws(read(40, 40), errorWith('bad-value'));
  assert.throws(() => decodeHeader(view, view.byteLength - 8, 40, 40, header), errorWith('truncated'));
});

test('headers: random bytes give a header inside the packet or a ProtocolError', () => {
  const header = createCommandHeader();
  const bytes = fc.uint8Array({ maxLength: 96 });
  fc.assert(
    fc.property(bytes, fc.constantFrom(40, 27), fc.nat(12), (content, version, sixteenth) => {
      packet.set(content, 0);
      if (sixteenth > 2) view.setUint32(0, 8 * sixteenth, true);
      try {
        decodeHeader(view, 0, content.length, version, header);
      } catch (error) {
        assert.ok(isProtocolError(error));
        return;
      }
      assert.ok(header.bodyOffset + header.bodyLength === content.length && header.bodyLength >= 0);
    }),
    { numRuns: 500 },
  );
});

test('a message above 131,072 bytes is refused', () => {
  const header = { version: 40, process: 1, vgpuLuid: luid, async: false };
  const privateData = (count: number) => ({ privateData: new Uint8Array(count) });
  const largest = message.encodeRequest(commands.queryAdapterInfo, header, privateData(131_017), view, 0);
  assert.equal(largest, 131_072);
  const larger = (): number =>
    message.encodeRequest(commands.queryAdapterInfo, header, privateData(131_018), view, 0);
  assert.throws(larger, errorWith('too-large'));
});

test('a failure of a command that demands more bytes than a reply can have is an empty reply', () => {
  const request = { allocationCount: 0xffffffff };
  const { openResource } = commands;
  assert.equal(message.encodeFailureReply(openResource, 40, NtStatus.noMemory, request, view, 0), 0);
  assert.equal(message.encodeReply(openResource, 40, { status: NtStatus.noMemory }, view, 0, request), 8);
});

test('numbers without a layout cannot be encoded', () => {
  const header = { version: 40, process: 1, vgpuLuid: luid, async: false };
  const encode = (): number =>
    message.encodeRequest(commands.blt as unknown as CommandDef, header, {}, view, 0);
  assert.throws(encode, errorWith('unknown-command'));
  assert.equal(commandById('vgpu', 63), undefined);
  assert.equal(commandById('vgpu', 1e9), undefined);
  assert.equal(commandById('global', 999), undefined);
  assert.equal(commandById('global', 0xffffffff), undefined);
});

test('SignalSyncObject: the length tells per-object values from one legacy value', () => {
  const { request } = commands.signalSyncObject;
  assert.ok(request !== null);
  const objects = [0x40000440, 0x40000480, 0x400004c0];
  const size = request.encode({ objects, contexts: [5], fenceValue: 9n }, view, 0);
  assert.equal(size, 48);
  for (const [extra, values] of [
    [0, 0],
    [7, 0],
    [24, 3],
    [31, 3],
    [400, 3],
  ] as const) {
    packet.fill(1, size, size + extra);
    assert.equal(request.decode(view, 0, size + extra).fenceValues.length, values, `${extra} bytes`);
  }
  for (const extra of [8, 16, 23]) {
    assert.throws(() => request.decode(view, 0, size + extra), errorWith('bad-length'));
  }
  const none = request.encode({ contexts: [5] }, view, 0);
  assert.equal(request.decode(view, 0, none + 4).fenceValues.length, 0);
});

test('SignalSyncObject: the flag tells an event id from a device', () => {
  const { request } = commands.signalSyncObject;
  request?.encode({ flags: 2, cpuEventHandle: 0x1_0000_0002n, device: 7 }, view, 0);
  assert.deepEqual(
    [request?.decode(view, 0, 32).cpuEventHandle, request?.decode(view, 0, 32).device],
    [0x1_0000_0002n, 0],
  );
  packet.fill(0xcc, 0, 64);
  request?.encode({ flags: 0, cpuEventHandle: 5n, device: 7 }, view, 0);
  assert.deepEqual(
    [request?.decode(view, 0, 32).cpuEventHandle, request?.decode(view, 0, 32).device],
    [0n, 7],
  );
  assert.equal(view.getUint32(28, true), 0, 'the upper half of the union is zero');
});

test('CreateAllocation reply: more private data than was asked for is refused', () => {
  const request = { allocInfo: [{ privDrvData: new Uint8Array(4) }, {}] };
  const reply = { allocationInfo: [{ allocation: 1, privDrvData: new Uint8Array(4) }, { allocation: 2 }] };
  const size = message.encodeReply(commands.createAllocation, 40, reply, view, 0, request);
  assert.equal(size, 16 + 144 + 4);
  view.setUint32(16 + 4, 5, true);
  const decode = (): unknown =>
    message.decodeReply(commands.createAllocation, 40, view, 0, size + 64, request);
  assert.throws(decode, errorWith('too-large'));
});

test('GetAllocationPriority sends its empty result area, SetExistingSysMemPages its whole buffer', () => {
  const { getAllocationPriority, setExistingSysMemPages } = commands;
  assert.equal(message.requestSize(getAllocationPriority, 40, { resource: 1 }), 64);
  assert.equal(message.requestSize(getAllocationPriority, 40, { allocations: [1, 2, 3] }), 56 + 12 + 16);
  assert.equal(message.requestSize(setExistingSysMemPages, 40, { pfns: [1n] }), 126_992);
});
