import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that is gone when this process ends, also by Ctrl-C in the middle. Who has done with it removes it earlier. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
