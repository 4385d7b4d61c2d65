import { SetGuestDataType } from '../enums.ts';
import { hostEvent, numbered } from '../schema/command.ts';
import { bits, unionOfNumbers } from '../schema/entries.ts';
import { hostMessage } from '../schema/message.ts';
import { bool, pointer, u32, u64 } from '../schema/scalars.ts';

/** Messages from the host: never answered, on the global channel only. */

export const signalGuestEvent = hostEvent({
  name: 'SignalGuestEvent',
  id: 0,
  summary: 'Wakes the waiter that registered the event id.',
  notes: [
    'An event of a CPU notification may come again and again, all others once. Unknown ids are ignored.',
  ],
  request: hostMessage('dxgkvmb_command_signalguestevent', {
    event: u64,
    processId: u64,
    dereferenceEvent: bool,
  }),
});

export const propagatePresentHistoryToken = numbered(
  'host',
  1,
  'PropagatePresentHistoryToken',
  'Numbered only: a guest logs it as unexpected.',
);

export const setGuestData = hostEvent({
  name: 'SetGuestData',
  id: 2,
  summary: 'Tells the guest that the state of a device may have changed.',
  notes: [
    'Counts only with `dataType` 0, a `data32` that is not 0 and the `errorCode` of CreateDevice as `guestPointer`: every device then asks for its state once.',
  ],
  request: hostMessage('dxgkvmb_command_setguestdata', {
    guestPointer: pointer(),
    data: unionOfNumbers(
      { by: 'enum', key: 'dataType', when: { [SetGuestDataType.dword]: 'data32' }, otherwise: 'data64' },
      { data64: u64, data32: u32 },
    ),
    dereference: bits(u32, 1),
    dataType: bits(u32, 4),
  }),
});

export const signalGuestEventPassive = hostEvent({
  name: 'SignalGuestEventPassive',
  id: 3,
  summary: 'Wakes the waiter that registered the event id, as SignalGuestEvent does.',
  notes: ['The Linux driver treats both alike.'],
  request: hostMessage('dxgkvmb_command_signalguestevent', {
    event: u64,
    processId: u64,
    dereferenceEvent: bool,
  }),
});

export const sendWnfNotification = numbered(
  'host',
  4,
  'SendWnfNotification',
  'Numbered only: a guest ignores it.',
);
