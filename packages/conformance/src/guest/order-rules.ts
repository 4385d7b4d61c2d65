import { EXTENDED_VERSION } from '../wire/message.ts';
import { ALLOW_REWIND, CREATE_SHARED, signalsIn } from './lives.ts';
import { namesIn } from './names.ts';
import { deviceOf, type GuestObject, longOf, wordOf } from './objects.ts';
import { GuestRules, hex } from './rule.ts';

/** When a guest may say what: bring-up, ends, and what one message has made of an object for the next. */

const CAPABILITIES_OFFSET = 0xd4;
const VERSION_OFFSET = 0xd0;
/** What a guest does with a device that it has flushed: it takes it apart. */
const AFTER_FLUSH = /^Destroy|^FlushDevice$/;
const CREATE_RESOURCE = 1;
const NT_SHARING = 0x40;
const STANDARD_ALLOCATION = 0x1_0000;
const STANDARD_BYTES = 24;
const HARDWARE_QUEUES = 0x10;
const SYNC_SHARED = 1;
const SYNC_NT_SHARING = 2;
const ASSUME_NOT_IN_USE = 1;

const order = new GuestRules();

order.rule(
  64,
  '1.2, observation 1',
  'Configuration space is written twice at most, before a channel is opened: capabilities of 1, then the version if the host offers 40',
  (event, { bringUp }) => {
    if (event.kind === 'open') {
      const { offeredVersion, writes } = bringUp;
      if (offeredVersion === undefined) return undefined;
      if (writes === 0) return 'a channel opened before the capabilities were written';
      return offeredVersion < EXTENDED_VERSION || writes > 1
        ? null
        : 'a channel opened before the version was written';
    }
    if (event.kind !== 'pciWrite') return undefined;
    const { offset, value } = event;
    if (bringUp.openChannels.size > 0) return `${hex(value)} at ${hex(offset)}, with channels open`;
    const count = bringUp.writes;
    if (count === 1)
      return offset === CAPABILITIES_OFFSET && value === 1 ? null : `${hex(value)} at ${hex(offset)} first`;
    if (count > 2 || offset !== VERSION_OFFSET) return `${hex(value)} at ${hex(offset)}, as write ${count}`;
    const offered = bringUp.offeredVersion ?? EXTENDED_VERSION;
    return offered >= EXTENDED_VERSION ? null : `version ${value} where ${offered} is offered`;
  },
);
order.onMessage(
  65,
  '1.5',
  'SetIoSpaceRegion is sent once; nothing else is before it was answered',
  ({ command }, { bringUp }) => {
    if (command?.name === 'SetIoSpaceRegion') return bringUp.isIoSpaceAsked ? 'sent again' : null;
    return bringUp.isIoSpaceKnown ? null : `${command?.name} before that`;
  },
);
order.onMessage(
  66,
  '1.6, 1.7',
  'GetInternalAdapterInfo waits for the answer to OpenAdapter, and all else of a virtual GPU for that to GetInternalAdapterInfo',
  (message, view) => {
    const { command } = message;
    if (message.channelType !== 0 || command === undefined || command.name === 'OpenAdapter')
      return undefined;
    const gpu = view.bringUp.gpu(view.gpuOf(message));
    // One that was never opened is another rule's.
    if (!gpu.isOpened) return undefined;
    if (command.name === 'GetInternalAdapterInfo')
      return gpu.isAnswered ? null : 'sent before OpenAdapter was answered';
    return gpu.isKnown || command.name === 'CloseAdapter' ? null : `${command.name} before that`;
  },
);
order.onMessage(
  67,
  '1.6, 1.9',
  'A virtual GPU is opened once, and not used once CloseAdapter was sent',
  (message, view) => {
    const { command } = message;
    if (message.channelType !== 0 || command === undefined) return undefined;
    const gpu = view.bringUp.gpu(view.gpuOf(message));
    if (command.name === 'OpenAdapter') return gpu.isOpened && !gpu.isClosed ? 'opened again' : null;
    return gpu.isClosed ? `${command.name} after CloseAdapter` : null;
  },
);
order.onMessage(
  68,
  '1.6, 1.7',
  'The channel of a virtual GPU is open when OpenAdapter is sent, whatever channel that takes',
  (message, { bringUp }) => {
    if (message.command?.name !== 'OpenAdapter') return undefined;
    const luid = message.extended?.luid;
    const own = [...bringUp.luidOfChannel].find(([, other]) => other === luid)?.[0];
    if (own === undefined) return undefined;
    return bringUp.openChannels.has(own) ? null : `channel ${own} is not open`;
  },
);
order.onMessage(
  69,
  '1.6, observation 6',
  'The LUID that GetInternalAdapterInfo gives takes the place of that of configuration space',
  (message, { bringUp }) => {
    const luid = message.extended?.luid;
    if (luid === undefined || message.channelType !== 0) return undefined;
    if (message.command?.name === 'OpenAdapter' || message.command?.name === 'GetInternalAdapterInfo')
      return undefined;
    const given = bringUp.replacementOf(luid);
    return given === undefined ? null : `LUID ${hex(luid)}, where ${hex(given)} was given`;
  },
);
order.onMessage(
  70,
  '1.7, 1.4',
  'On the channel of a virtual GPU there are messages to that virtual GPU only',
  ({ channel, channelType, extended }, { bringUp }) => {
    const luid = bringUp.luidOfChannel.get(channel);
    if (channelType !== 0 || luid === undefined || extended === null) return undefined;
    return extended.luid === luid || extended.luid === bringUp.replacementOf(luid)
      ? null
      : `LUID ${hex(extended.luid)} on channel ${channel}, which is that of ${hex(luid)}`;
  },
);
order.onFields(
  71,
  '3.5, observation 39',
  'DestroyDevice comes when its allocations and resources were destroyed',
  (message, { objects }) => {
    if (message.command.name !== 'DestroyDevice') return undefined;
    for (const child of objects.get(message.process, wordOf(message, 24))?.children ?? [])
      if (/^(allocation|resource)$/.test(child.kind) && !child.wasAsked)
        return `${child.kind} ${hex(child.handle)} is there`;
    return null;
  },
);
order.onFields(
  72,
  '3.5, observation 39',
  'DestroyProcess comes when the devices of the process were destroyed',
  (message, { objects }) => {
    if (message.command.name !== 'DestroyProcess') return undefined;
    for (const object of objects.of(message.process))
      if (object.kind === 'device' && !object.wasAsked) return `device ${hex(object.handle)} is there`;
    return null;
  },
);
order.onFields(
  73,
  '3.5, 4.6, observation 30',
  'A device for which FlushDevice was sent is taken apart, and not used any more',
  (message, { objects }) => {
    for (const { handle } of namesIn(message)) {
      const object = objects.get(message.process, handle);
      const device = object === undefined || object.kind === 'sync object' ? null : deviceOf(object);
      if (device === null || !device.isFlushed) continue;
      if (!AFTER_FLUSH.test(message.command.name))
        return `${message.command.name} of device ${hex(device.handle)}`;
      return null;
    }
    return undefined;
  },
);
order.rule(
  74,
  '3.4, 4.13',
  'A link that is closed in good order leaves no process and no NT object behind',
  (event, view) => {
    if (event.kind !== 'end' || event.error !== null) return undefined;
    const [process] = view.processes;
    if (process !== undefined) return `process ${hex(process)} is there`;
    const [shared] = view.objects.ntHandles;
    return shared === undefined ? null : `NT object ${hex(shared)} is there`;
  },
);
order.onFields(
  75,
  '7.1',
  'A signal from the CPU does not take a fence back below what it was given before, unless it says so',
  (message, { objects }) => {
    if (message.command.name !== 'SignalSyncObject') return undefined;
    if ((wordOf(message, 28) & ALLOW_REWIND) !== 0) return undefined;
    let result: null | undefined;
    for (const [handle, value] of signalsIn(message)) {
      const object = objects.get(message.process, handle);
      if (object === undefined) continue;
      if (value < object.value) return `${value} after ${object.value} for ${hex(handle)}`;
      result = null;
    }
    return result;
  },
);
order.onFields(
  76,
  '5.3, observation 25',
  'Unlock2 is of an allocation that Lock2 has locked, or of existing memory',
  (message, { objects }) => {
    if (message.command.name !== 'Unlock2') return undefined;
    const object = objects.get(message.process, wordOf(message, 28));
    if (object?.kind !== 'allocation') return undefined;
    return object.isLocked || object.isOfGuestMemory
      ? null
      : `allocation ${hex(object.handle)} is not locked`;
  },
);
order.onFields(
  77,
  '4.8',
  'The allocations of one DestroyAllocation are of one resource or of none, and of no shared one in use',
  (message, { objects }) => {
    if (message.command.name !== 'DestroyAllocation') return undefined;
    let first: GuestObject | null | undefined;
    for (const { handle, kinds } of namesIn(message)) {
      const object = objects.get(message.process, handle);
      if (object?.kind !== 'allocation' || !kinds.includes('allocation')) continue;
      const { parent } = object;
      const resource = parent?.kind === 'resource' ? parent : null;
      if (first === undefined) first = resource;
      if (resource !== first) return `allocation ${hex(handle)} is of another resource`;
      // The driver gives up so what it could not finish making.
      if (
        resource !== null &&
        (resource.flags & CREATE_SHARED) !== 0 &&
        (wordOf(message, 36) & ASSUME_NOT_IN_USE) === 0
      )
        return `allocation ${hex(handle)} is of shared resource ${hex(resource.handle)}`;
    }
    return first === undefined ? undefined : null;
  },
);
order.onFields(
  78,
  '4.8, 4.11, 4.13, 7.13',
  'What is shared was made so, by NT security, and has one NT object at a time',
  (message, { objects }) => {
    const { name } = message.command;
    if (name === 'CreateAllocation') {
      const flags = wordOf(message, 44);
      if ((flags & CREATE_SHARED) === 0) return undefined;
      return (flags & CREATE_RESOURCE) !== 0 && (flags & NT_SHARING) !== 0 ? null : `flags ${hex(flags)}`;
    }
    if (name === 'CreateSyncObject') {
      const flags = wordOf(message, 36);
      if ((flags & SYNC_SHARED) === 0) return undefined;
      return (flags & SYNC_NT_SHARING) !== 0 ? null : `${name}: flags ${hex(flags)}`;
    }
    if (name !== 'CreateNtSharedObject') return undefined;
    const object = objects.get(message.process, wordOf(message, 24));
    if (object === undefined) return undefined;
    const isShared = (object.flags & (object.kind === 'resource' ? CREATE_SHARED : SYNC_SHARED)) !== 0;
    if (!isShared) return `${object.kind} ${hex(object.handle)} is not shared`;
    return object.ntHandle === 0 ? null : `${object.kind} ${hex(object.handle)} has ${hex(object.ntHandle)}`;
  },
);
order.onFields(
  79,
  '4.13, 9',
  'A resource that others may have opened has no allocations added; OpenResource counts them all',
  (message, { objects }) => {
    if (message.command.name === 'OpenResource') {
      const resource = objects.ofNt(wordOf(message, 32));
      if (resource === undefined) return undefined;
      const count = wordOf(message, 36);
      return count === resource.allocationCount
        ? null
        : `${count} of ${resource.allocationCount} allocations`;
    }
    if (message.command.name !== 'CreateAllocation' || (wordOf(message, 44) & CREATE_RESOURCE) !== 0)
      return undefined;
    const resource = objects.get(message.process, wordOf(message, 28));
    if (resource?.kind !== 'resource') return undefined;
    return resource.isSealed ? `resource ${hex(resource.handle)} may be open elsewhere` : null;
  },
);
order.onFields(
  80,
  '7.5',
  'Hardware queues are made in contexts that are for them; others take SubmitCommand',
  (message, { objects }) => {
    const { name } = message.command;
    if (name !== 'CreateHwQueue' && name !== 'SubmitCommand') return undefined;
    let result: null | undefined;
    for (const { handle } of namesIn(message)) {
      const object = objects.get(message.process, handle);
      if (object?.kind !== 'context') continue;
      const isForQueues = (object.flags & HARDWARE_QUEUES) !== 0;
      if (isForQueues !== (name === 'CreateHwQueue'))
        return `context ${hex(handle)} has flags ${hex(object.flags)}`;
      result = null;
    }
    return result;
  },
);
order.onFields(
  81,
  '4.8, observation 26',
  "A standard allocation is one, with the standard's block alone: whole pages, of a kind that there is",
  (message) => {
    if (message.command.name !== 'CreateAllocation') return undefined;
    if ((wordOf(message, 44) & STANDARD_ALLOCATION) === 0) return undefined;
    const [count, blockBytes] = [wordOf(message, 40), wordOf(message, 36)];
    const block = 64 + 12 + wordOf(message, 32);
    if (count !== 1 || blockBytes !== STANDARD_BYTES || wordOf(message, 68) !== 0)
      return `${count} allocations, ${blockBytes} bytes, ${wordOf(message, 68)} of private data`;
    if (message.bodyBytes < block + STANDARD_BYTES) return undefined;
    const [type, size] = [wordOf(message, block), longOf(message, block + 8)];
    return (type === 1 || type === 2) && size !== 0n && size % 4096n === 0n
      ? null
      : `type ${type}, ${size} bytes`;
  },
);
order.rule(
  82,
  '2.8, 8.3',
  'Nothing that a guest sends is so wrong that the host has to end its link',
  (event) => {
    if (event.kind === 'refusal') return event.error.message;
    return event.kind === 'end' ? null : undefined;
  },
);

order.onFields(
  93,
  '4.8, observation 26',
  'Before a standard allocation its private data is asked for twice: without sizes, and with those that were answered',
  (message, view) => {
    const { name } = message.command;
    if (name === 'DdiGetStandardAllocationDriverData') {
      const [data, resource] = [wordOf(message, 28), wordOf(message, 32)];
      return (data === 0 && resource === 0) || view.standardSizes.has(`${data}/${resource}`)
        ? null
        : `sizes ${data} and ${resource}, which were not answered`;
    }
    if (name !== 'CreateAllocation' || (wordOf(message, 44) & STANDARD_ALLOCATION) === 0) return undefined;
    return view.standardAnswers >= 2 ? null : `${view.standardAnswers} answers to that`;
  },
);

export const orderRules = order.list;
