import { hex32, inSetUp, NotApplicable } from '../failure.ts';
import { createProcess } from '../wire/adapter-commands.ts';
import type { Fields } from '../wire/message.ts';
import { headerOffset } from '../wire/message.ts';
import type { HostKit, HostRequirement } from './kit.ts';
import type { Reply } from './reply.ts';
import { type Sample, type SampleCall, samples } from './samples.ts';
import type { Scene } from './scene.ts';
import type { SendOptions } from './wire-guest.ts';

/** Requirements that every command has, made from its layout and one right use of it. */

/** A handle that no host gives at once: index 0xabcdef of no process. */
const UNKNOWN_HANDLE = 0xeaf3_7bc0;
const UNKNOWN_LUID = 0x7fff_ffff_dead_beefn;
const UNKNOWN_PROCESS = 0xdead_bec0;

function send(
  { command }: Sample,
  scene: Scene,
  call: SampleCall,
  fields: Fields = {},
  options: SendOptions = {},
  tail: readonly Uint8Array[] | undefined = call.tail,
): Promise<Reply> {
  return scene.call(command, { ...call.fields, ...fields }, tail ?? [], { ...call.options, ...options });
}

function accept(sample: Sample, reply: Reply): boolean {
  if (sample.optional === undefined || reply.status === 0) {
    reply.ok(sample.mayBePending);
    return true;
  }
  reply.fails(sample.optional);
  return false;
}

async function checkAnswer(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  const reply = await send(sample, scene, call);
  if (accept(sample, reply)) await sample.check?.(reply, scene, call);
  else {
    if (reply.command.failure !== 'short') reply.isPadded();
    throw new NotApplicable(`${sample.optional}; it failed by its convention`);
  }
}

async function checkLength(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  const reply = await send(sample, scene, call);
  if (accept(sample, reply)) reply.isPadded();
  else if (sample.command.failure === 'short') throw new NotApplicable(sample.optional ?? '');
  else reply.isPadded();
}

/** Something that makes the command fail whoever serves it: a vGPU, or a process, that there is not. */
function poison(
  sample: Sample,
  hasExtendedHeader: boolean,
): { options: SendOptions; fields: Fields; why: string } {
  const { command } = sample;
  if (command.channel === 'vgpu' && hasExtendedHeader)
    return { options: { luid: UNKNOWN_LUID }, fields: {}, why: 'a vGPU LUID that is nobody’s' };
  if (sample.needsProcess ?? command.process !== 'zero') {
    return { options: { process: UNKNOWN_PROCESS }, fields: {}, why: 'a process that does not exist' };
  }
  if (command.channel === 'vgpu')
    throw new NotApplicable('before version 40 nothing in it says which virtual GPU is meant');
  const handles = command.request.filter(({ type }) => type === 'h');
  const fields = Object.fromEntries(handles.map(({ name }) => [name, UNKNOWN_HANDLE]));
  if (command.name === 'SetIoSpaceRegion')
    return { options: {}, fields: { length: 0n }, why: 'a length of 0' };
  return { options: {}, fields, why: 'a handle that does not exist' };
}

async function checkFailure(sample: Sample, kit: HostKit): Promise<void> {
  const { command } = sample;
  if (command.name === 'CreateProcess') return await checkTooManyProcesses(kit);
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  const { options, fields, why } = poison(sample, scene.guest.hasExtendedHeader);
  const reply = await send(sample, scene, call, fields, options);
  reply.fails(why);
  if (reply.command.failure !== 'short') reply.isPadded();
  kit.coverage.fail(command);
}

/** No limit on the processes of a guest is written down; a host has one, and there is no other way to fail. */
const MOST_PROCESSES = 20_000;

async function checkTooManyProcesses(kit: HostKit): Promise<void> {
  const guest = await kit.freshGuest();
  for (let count = 0; count < MOST_PROCESSES; count += 256) {
    const replies = await Promise.all(
      Array.from({ length: 256 }, () => guest.call(createProcess, { flags: 8 })),
    );
    const refused = replies.find((reply) => reply.status !== 0);
    if (refused === undefined) continue;
    refused.fails(`after ${count} processes`).isPadded();
    kit.coverage.fail(createProcess);
    return;
  }
  throw new NotApplicable(`this host makes ${MOST_PROCESSES} processes for one guest`);
}

async function checkProcess(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  for (const process of [0, UNKNOWN_PROCESS, scene.process | 1]) {
    (await send(sample, scene, call, {}, { process })).fails(
      `process 0x${process.toString(16)} in the header`,
    );
  }
}

/** Names that hold for every process of a guest. */
const IS_SHARED = /^(adapter|global_|shared_handle)/;
/** Devices that another process has first: its next handles are none of a process with fewer objects, wherever a host begins to count. */
const DEVICES_AHEAD = 16;

/** Another process of the same guest, and a right use of the command there. */
async function foreignUse(
  sample: Sample,
  kit: HostKit,
  scene: Scene,
): Promise<SampleCall & { device: number }> {
  const other = await kit.scene(scene.guest);
  let device = 0;
  for (let count = 0; count < DEVICES_AHEAD; count += 1) device = await other.device();
  return { ...(await inSetUp(sample.make(other))), device };
}

function handleOf(call: SampleCall, name: string): number {
  const value = call.fields[name];
  return Number(typeof value === 'object' ? value[0] : value);
}

function tailHandleOf(call: SampleCall, index: number): number {
  const part = call.tail?.[index] ?? new Uint8Array(4);
  return new DataView(part.buffer, part.byteOffset, part.length).getUint32(0, true);
}

/**
 * Handles that must not pass where one of this process is wanted.
 *
 * @param foreign a device of another process, and what that process would give here.
 */
function wrongHandles(scene: Scene, good: number, foreign: readonly number[]): [string, number][] {
  return [
    ['null', 0],
    ['unknown', UNKNOWN_HANDLE],
    ...foreign.map((handle): [string, number] => ['one of another process', handle]),
    ['its own with another generation', (good ^ 0x8000_0000) >>> 0],
    ['its own with another instance', (good | 1) >>> 0],
    ['one of the wrong type', scene.process],
  ];
}

async function checkHandles(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  const theirs = await foreignUse(sample, kit, scene);
  // The same on another device of this process: allocations are a device's, and no other's.
  const beside = takesAllocations(sample) ? await inSetUp(sample.make(scene)) : null;
  for (const name of call.handles ?? []) {
    const good = handleOf(call, name);
    const foreign = IS_SHARED.test(name) ? [theirs.device] : [theirs.device, handleOf(theirs, name)];
    const wrong = wrongHandles(scene, good, foreign);
    if (beside !== null && name === 'allocation')
      wrong.push(['one of another device', handleOf(beside, name)]);
    for (const [kind, handle] of wrong) {
      // An escape may leave them out.
      if (handle === 0 && sample.command.name === 'Escape') continue;
      const value = typeof call.fields[name] === 'object' ? [handle] : handle;
      (await send(sample, scene, call, { [name]: value })).fails(`${name}: ${kind} handle`);
    }
  }
  for (const index of call.tailHandles ?? []) {
    const foreign = [theirs.device, tailHandleOf(theirs, index)];
    const wrong = wrongHandles(scene, tailHandleOf(call, index), foreign);
    if (beside !== null) wrong.push(['one of another device', tailHandleOf(beside, index)]);
    for (const [kind, handle] of wrong) {
      const tail = (call.tail ?? []).map((part) => part.slice());
      const spoilt = tail[index];
      if (spoilt !== undefined) new DataView(spoilt.buffer).setUint32(0, handle, true);
      const reply = await scene.call(sample.command, call.fields, tail, call.options);
      reply.fails(`array entry: ${kind} handle`);
    }
  }
  // After all that was refused, the right one still works: nothing was done on the way.
  accept(sample, await send(sample, scene, call));
}

async function checkStale(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  (await send(sample, scene, call)).ok();
  (await send(sample, scene, call)).fails('the handle of an object that was destroyed');
}

async function checkTrailing(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  const change = (bytes: Uint8Array): Uint8Array => {
    const longer = new Uint8Array(bytes.length + 24).fill(0xa5);
    longer.set(bytes);
    return longer;
  };
  accept(sample, await send(sample, scene, call, {}, { change }));
}

/** A message cut short: a failure, or the end of this guest's link; the host and others live on. */
async function checkTruncated(sample: Sample, kit: HostKit): Promise<void> {
  let guest = await kit.freshGuest();
  for (const keep of [0, 8]) {
    const scene = await kit.scene(guest);
    const call = await inSetUp(sample.make(scene));
    const body = headerOffset(guest.version) + 24;
    const change = (bytes: Uint8Array): Uint8Array =>
      bytes.slice(0, keep === 0 ? body : Math.max(body, bytes.length - keep));
    let reply: Reply | null = null;
    try {
      reply = await send(sample, scene, call, {}, { change });
    } catch (error) {
      // Its link may end, but the host has to say something: silence is a failure.
      if (guest.isOpen) throw error;
    }
    if (keep === 0 && reply !== null) reply.fails(`a message of ${body} bytes, header only`);
    if (!guest.isOpen) guest = await kit.freshGuest();
  }
  await kit.goesOn(await kit.scene(guest), 'after messages that were cut short');
}

/** A field that says how long the message is: changing it would make another message. */
const IS_COUNT = /count|_size$|^num_/;

/** Every field holds something: whatever the host makes of it, its answer has the form that the command's answers have. */
async function checkFields(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene(await kit.freshGuest());
  const call = await inSetUp(sample.make(scene));
  const { command } = sample;
  const change = (given: Uint8Array): Uint8Array => {
    const at = headerOffset(scene.guest.version);
    // Private data belongs to a message that may have some; it is the last part of these.
    const size = command.name.startsWith('SubmitCommand')
      ? command.request.find(({ name }) => name === 'priv_drv_data_size')
      : undefined;
    const bytes = new Uint8Array(given.length + (size === undefined ? 0 : 5));
    bytes.set(given);
    const view = new DataView(bytes.buffer);
    if (size !== undefined)
      view.setUint32(at + size.offset, view.getUint32(at + size.offset, true) + 5, true);
    for (const { type, offset } of command.request) if (type === 'bool') view.setUint8(at + offset, 1);
    for (let offset = 24; offset + 4 <= command.fixedBytes; offset += 4) {
      const isCount = command.request.some(
        (field) =>
          IS_COUNT.test(field.name) && offset < field.offset + field.sizeBytes && offset + 4 > field.offset,
      );
      if (!isCount && view.getUint32(at + offset, true) === 0) view.setUint32(at + offset, 0x0101_0101, true);
    }
    return bytes;
  };
  const reply = await send(sample, scene, call, {}, { change }).catch((error: unknown) => {
    if (scene.guest.isOpen) throw error;
    return null;
  });
  if (reply === null) return;
  if (reply.status === 0 || reply.status === 0x103) reply.ok(true).isPadded();
  else {
    reply.fails('fields full of values');
    if (reply.command.failure !== 'short') reply.isPadded();
  }
}

/** Where a command has flags, and a bit of them without a meaning. */
const FLAGS: Readonly<Record<string, number>> = {
  CreateDevice: 0x8000_0000,
  CreateContextVirtual: 0x8000_0000,
  CreateHwQueue: 0x8000_0000,
  CreateAllocation: 0x8000_0000,
  DestroyAllocation: 0x4000_0000,
  MakeResident: 0x8000_0000,
  Evict: 0x8000_0000,
  OfferAllocations: 0x8000_0000,
  UpdateGpuVirtualAddress: 0x8000_0000,
  CreateSyncObject: 0x8000_0000,
  SignalSyncObject: 0x4000_0000,
  WaitForSyncObjectFromCpu: 0x8000_0000,
  SubmitCommand: 0x8000_0000,
};

async function checkFlags(sample: Sample, kit: HostKit): Promise<void> {
  const scene = await kit.scene();
  const call = await inSetUp(sample.make(scene));
  const flags = (Number(call.fields['flags'] ?? 0) | (FLAGS[sample.command.name] ?? 0)) >>> 0;
  (await send(sample, scene, call, { flags })).fails(`flags ${hex32(flags)}`);
  accept(sample, await send(sample, scene, call));
}

function forEach(
  group: string,
  text: (sample: Sample) => string,
  source: string,
  which: (sample: Sample) => boolean,
  check: (sample: Sample, kit: HostKit) => Promise<void>,
): HostRequirement[] {
  return samples.filter(which).map((sample) => ({
    id: `${group}-${String(sample.command.code).padStart(2, '0')}${sample.command.channel === 'global' ? 'G' : ''}`,
    group,
    level: 'must',
    text: text(sample),
    source: `${source}, ${sample.command.section}`,
    check: (kit) => check(sample, kit),
  }));
}

/** Commands whose names say that the object is gone afterwards. */
const ENDS = /^Destroy(?!PagingQueue)/;

function takesHandles({ command }: Sample): boolean {
  if (command.failure === 'any' || command.name === 'CloseAdapter') return false;
  const names = command.request.filter(({ type }) => type === 'h').map(({ name }) => name);
  return names.length > 0;
}

/** Whether it names allocations beside the device, or the paging queue, that they are of. */
function takesAllocations({ command }: Sample): boolean {
  return /^(4\.8|4\.9|4\.10|5\.)/.test(command.section);
}

/** Whether a message with nothing but its header cannot be right. */
function hasBody({ command }: Sample): boolean {
  return command.fixedBytes > 24;
}

/** Nothing that a guest may say makes IsFeatureEnabledGlobal fail. */
function canFail({ command }: Sample): boolean {
  return command.name !== 'IsFeatureEnabledGlobal';
}

function describeFailure({ command }: Sample): string {
  const { name, statusOffset, failure } = command;
  if (failure === 'status')
    return `A failed ${name} is answered in full length with a negative status at offset ${statusOffset}`;
  if (failure === 'short') return `A failed ${name}, which has no status, is answered with no bytes`;
  if (failure === 'zero-handle')
    return `A failed ${name}, which has no status, is answered with a null handle`;
  return `${name} is completed even where there is nothing to do`;
}

export const perCommand: readonly HostRequirement[] = [
  ...forEach(
    'ANSWER',
    ({ command }) => `${command.name} is answered, with what it was asked for`,
    '2.3',
    () => true,
    checkAnswer,
  ),
  ...forEach(
    'LENGTH',
    ({ command }) =>
      `The answer to ${command.name} has the length that the driver demands, and zeros up to a multiple of 8`,
    '2.4, observations 9 and 10',
    () => true,
    checkLength,
  ),
  ...forEach('FAILURE', describeFailure, '2.4, 2.7, 8.3, observation 11', canFail, checkFailure),
  ...forEach(
    'PROCESS',
    ({ command }) => `${command.name} fails for a process that is none of this guest`,
    '2.2, 8.3',
    (sample) => sample.needsProcess ?? sample.command.process === 'caller',
    checkProcess,
  ),
  ...forEach(
    'HANDLE',
    ({ command }) =>
      `${command.name} refuses handles that are null, unknown, foreign, stale or of the wrong type, and changes nothing`,
    '3.3, 8.3',
    takesHandles,
    checkHandles,
  ),
  ...forEach(
    'STALE',
    ({ command }) => `${command.name} works once: the handle is dead afterwards`,
    '3.2, 3.5',
    ({ command }) => ENDS.test(command.name) && command.failure === 'status',
    checkStale,
  ),
  ...forEach(
    'TRAILING',
    ({ command }) => `Bytes behind the end of ${command.name} are ignored`,
    '2.8, observation 9',
    // Bytes behind the arrays of SignalSyncObject are fence values.
    ({ command }) => command.name !== 'SignalSyncObject',
    checkTrailing,
  ),
  ...forEach(
    'FIELDS',
    ({ command }) => `${command.name} with a value in every field is answered in the command's form`,
    '2.8, 8.1, 8.3',
    hasBody,
    checkFields,
  ),
  ...forEach(
    'FLAGS',
    ({ command }) => `${command.name} refuses a flag without a meaning, and does nothing then`,
    '0.3',
    ({ command }) => FLAGS[command.name] !== undefined,
    checkFlags,
  ),
  ...forEach(
    'CUT',
    ({ command }) => `${command.name} cut short fails or ends this guest's link; the host serves the next`,
    '2.8, 8.3',
    hasBody,
    checkTruncated,
  ),
];
