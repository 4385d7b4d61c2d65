import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Two character devices whose bytes come out at each other, as a virtual machine joins a guest's port to its host's. */
export interface DeviceLine {
  readonly paths: readonly [string, string];
  /** From now on nothing gets to the other end. */
  stall(): void;
  /** Cuts the line: both devices hang up. */
  cut(): Promise<void>;
}

/** Joins two terminals, byte by byte, until both are closed or it is killed. */
const JOIN = 'cat <&3 >&4 & cat <&4 >&3 & wait';

/** Two pseudo-terminals back to back; null where this system has none that can be made. */
export function createDeviceLine(): DeviceLine | null {
  const pair = [openPseudoTerminal(), openPseudoTerminal()];
  const [left, right] = pair;
  if (left == null || right == null) return null;
  // Their own ends stay open here, so that they do not hang up between two openings.
  const held = [left, right].map(({ path }) => openSync(path, constants.O_RDWR | constants.O_NOCTTY));
  for (const descriptor of held) {
    const stdio = ['ignore', 'ignore', 'ignore', descriptor] as const;
    if (spawnSync('sh', ['-c', 'stty raw -echo <&3'], { stdio: [...stdio] }).status !== 0) return null;
  }
  const join: ChildProcess = spawn('sh', ['-c', JOIN], {
    stdio: ['ignore', 'ignore', 'ignore', left.descriptor, right.descriptor],
    detached: true,
  });
  const ended = once(join, 'exit');
  let isCut = false;
  for (const { descriptor } of [left, right]) closeSync(descriptor);
  return {
    paths: [left.path, right.path],
    stall() {
      process.kill(-(join.pid ?? 0), 'SIGSTOP');
    },
    async cut() {
      if (isCut) return;
      isCut = true;
      process.kill(-(join.pid ?? 0), 'SIGKILL');
      await ended;
      for (const descriptor of held) closeSync(descriptor);
    },
  };
}

/** A pseudo-terminal, passing bytes on as they are: the controlling side's descriptor and the terminal's path. */
function openPseudoTerminal(): { readonly descriptor: number; readonly path: string } | null {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const libc = koffi.load(null);
    const descriptor: number = libc.func('int posix_openpt(int)')(constants.O_RDWR | constants.O_NOCTTY);
    if (descriptor < 0 || libc.func('int grantpt(int)')(descriptor) !== 0) return null;
    if (libc.func('int unlockpt(int)')(descriptor) !== 0) return null;
    const path: string | null = libc.func('const char *ptsname(int)')(descriptor);
    return path === null ? null : { descriptor, path };
  } catch {
    return null;
  }
}
