import { readFileSync, readlinkSync } from 'node:fs';
import process from 'node:process';

/** PF_EXITING of Linux: the process has begun to end. Its sockets are closed behind that. */
const EXITING = 4;

let own: string | null = null;

/**
 * Names this process among all that run on this machine: when it was started (the machine, and the process), its PID
 * namespace, its number. Empty where the system has no `/proc`.
 */
export function ownProcess(): string {
  own ??= describeOwn();
  return own;
}

function describeOwn(): string {
  const state = stateOf(process.pid);
  const machine = machineAndNamespace();
  return state === null || machine === null ? '' : `${machine} ${process.pid} ${state.startTime}`;
}

/**
 * Whether a process that has named itself so by {@link ownProcess} has ended, or is about to. False where that cannot be
 * said: for one of another machine or of another PID namespace.
 */
export function hasProcessEnded(name: string): boolean {
  const [, machine, digits, startTime] = /^(.+) (\d{1,10}) (\d{1,20})$/.exec(name) ?? [];
  if (machine === undefined || machine !== machineAndNamespace()) return false;
  const state = stateOf(Number(digits));
  return state === null || state.startTime !== startTime || state.isEnding;
}

function machineAndNamespace(): string | null {
  try {
    const started = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${started} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/** What the system says of a process; null when there is none of that number. */
function stateOf(pid: number): { readonly startTime: string; readonly isEnding: boolean } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name, in parentheses, may hold any character. Behind it: the state, which is field 3 of proc(5).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', flags = '0', startTime = ''] = [fields[0], fields[6], fields[19]];
  return { startTime, isEnding: 'ZXx'.includes(state) || (Number(flags) & EXITING) !== 0 };
}
