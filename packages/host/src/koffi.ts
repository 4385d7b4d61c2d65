import { statSync } from 'node:fs';
import { createRequire } from 'node:module';

/**
 * Loads koffi, on first use and by `require`: a machine for which it has no binary must still get an answer.
 *
 * Node up to 22 stops at a symbolic link, and koffi then does not find its binary, when a socket is the last file that
 * the process has looked at, as a host that listens on one has. So it looks at another first.
 *
 * @throws Error where it cannot be loaded.
 */
export function loadKoffi(): typeof import('koffi') {
  statSync('.', { throwIfNoEntry: false });
  return createRequire(import.meta.url)('koffi') as typeof import('koffi');
}
