// The dxgwire command from a clone: compiles what is not compiled yet, then runs it in this very process, so that
// signals, exit code and standard output are its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, toolPath } from './steps.mjs';

// What the compiler has to say goes to standard error: the output belongs to the command.
const { status } = spawnSync(process.execPath, [toolPath('typescript', 'bin/tsc'), '-b'], {
  cwd: root,
  stdio: ['ignore', 2, 2],
});
if (status !== 0) {
  process.stderr.write('dxgwire: the build failed; the messages above say where\n');
  process.exit(1);
}
const command = join(root, 'packages/cli/bin/dxgwire.js');
process.argv[1] = command;
// pnpm runs scripts in the workspace's root; file names on the command line are meant from where it was called.
process.chdir(process.env['INIT_CWD'] ?? process.cwd());
await import(pathToFileURL(command).href);
