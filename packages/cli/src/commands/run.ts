import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { createGPU, type FrameReadbacks, globals, type RemoteGPU } from '@dxgwire/guest/webgpu';
import type { GuestBus } from '@dxgwire/transport';
import { clearInterval, setInterval } from '@dxgwire/transport/timers';
import { adapterSelector } from '../adapter-selector.ts';
import { BACKENDS } from '../backend.ts';
import { installCanvas } from '../canvas.ts';
import { installInChildren } from '../children.ts';
import { type Command, oneOf, parseOptions, splitAtProgram, wholeNumber } from '../command.ts';
import { holdEnd, lastErrors, tellErrorsAtExit } from '../ending.ts';
import { CommandFailure, describe, ExitCode, UsageError } from '../errors.ts';
import { checkCodec, codecFrom, connectLink, type Link } from '../link.ts';
import { type MainProgram, programFile, runProgram } from '../program.ts';
import { installGlobals } from '../program-globals.ts';
import { openLocal } from '../program-gpu.ts';
import { programFromInput, programText } from '../program-text.ts';
import { tokenFrom } from '../token.ts';
import { installInWorkers } from '../workers.ts';

const OPTIONS = {
  connect: { type: 'string' },
  'in-process': { type: 'boolean' },
  'in-worker': { type: 'boolean' },
  local: { type: 'boolean' },
  backend: { type: 'string', default: 'webgpu' },
  adapter: { type: 'string' },
  token: { type: 'string' },
  codec: { type: 'string' },
  statistics: { type: 'string' },
  trace: { type: 'string' },
  canvas: { type: 'boolean' },
  frames: { type: 'string' },
  'frame-limit': { type: 'string' },
  eval: { type: 'string', short: 'e' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Most frames of a run. */
const MAX_FRAMES = 1_000_000;

const HELP = `dxgwire run: runs a WebGPU program, unchanged, on a host's GPU

Usage: dxgwire run --connect URL [options] PROGRAM [arguments of the program]

PROGRAM is a file, a folder with a main module, or - for standard input.

Options:
  --connect URL      the URL that \`dxgwire host\` prints
  --in-process       a host in this process, joined by rings in memory
  --in-worker        the same, with the host in a thread of its own
  --local            no projection: Dawn directly, on the device that a host here would use
  --backend NAME     with --in-process and --in-worker: ${BACKENDS.join(', ')}; default webgpu
  --adapter WHICH    the adapter to use: its number, its LUID as \`dxgwire info\` shows it, or a part of its
                     name
  --token SECRET     the host's token, where it wants one (or DXGWIRE_TOKEN)
  --codec NAME       how commands are written: packed (default) or protobuf; not over shm:
  --statistics FILE  writes a line of JSON at the end: round trips, messages, bytes each way
  --trace FILE       records what passes at this end, for \`dxgwire decode\` and \`dxgwire export\`
  --canvas           gives the program OffscreenCanvas (for WebGPU) and requestAnimationFrame
  --frames DIR       the same, and saves what it draws on a canvas as PNG files
  --frame-limit N    the same, and ends the run behind N frames
  --eval TEXT, -e    runs this text in place of PROGRAM
  --help             this text

The program finds navigator.gpu and the WebGPU classes and constants, as in a browser, and its own arguments in
process.argv. Its exit code is passed through.
`;

export const run: Command = {
  name: 'run',
  help: HELP,
  async run(args) {
    const { own, program, rest } = splitAtProgram(args, OPTIONS);
    const { values } = parseOptions('run', own, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const { connect, 'in-process': inProcess, 'in-worker': inWorker, local } = values;
    const ways = [connect !== undefined, inProcess === true, inWorker === true, local === true];
    if (ways.filter(Boolean).length !== 1) {
      throw new UsageError(
        'run needs one of --connect URL, --in-process, --in-worker and --local; see `dxgwire run --help`',
      );
    }
    const positional = program === undefined ? [] : [program, ...rest];
    checkCodec(values.codec, connect);
    const { main, ownArgs } = await chooseProgram(values.eval, positional);
    const canvas = canvasOptions(values);
    if (local === true) {
      for (const option of ['statistics', 'trace', 'codec', 'token'] as const) {
        if (values[option] !== undefined) throw new UsageError(`--${option} is of a link; --local has none`);
      }
      const dawn = await openLocal(values.adapter);
      // The contexts of our canvases are ours, whatever makes their textures.
      const { GPUCanvasContext } = globals;
      installGlobals(canvas === null ? dawn : { ...dawn, globals: { ...dawn.globals, GPUCanvasContext } });
      installInChildren({ kind: 'local', adapter: values.adapter });
      if (canvas !== null) installCanvas({ ...canvas, end: () => process.exit() });
      await runProgram(main, ownArgs);
      return ExitCode.success;
    }
    const link = await openLink(values);
    const { adapter, statistics } = values;
    if (link.workersUrl !== null) {
      const codec = codecFrom(values.codec);
      const token = values.connect === undefined ? undefined : tokenFrom(values.token);
      const programLink = { kind: 'host', url: link.workersUrl, token, adapter, codec } as const;
      installInWorkers(programLink);
      installInChildren(programLink);
    }
    await runOnLink(values.trace === undefined ? link : await traced(link, values.trace), {
      main,
      ownArgs,
      adapter,
      statistics,
      canvas,
    });
    return ExitCode.success;
  },
};

/** What to run, and the arguments that are the program's own. */
async function chooseProgram(
  text: string | undefined,
  positional: readonly string[],
): Promise<{ readonly main: MainProgram; readonly ownArgs: readonly string[] }> {
  if (text !== undefined) return { main: programText(text), ownArgs: positional };
  const [program, ...ownArgs] = positional;
  if (program === undefined) throw new UsageError('run needs the program to run; see `dxgwire run --help`');
  return { main: program === '-' ? await programFromInput() : programFile(program), ownArgs };
}

/** Loads no more than this way to a host takes. */
async function openLink(values: {
  readonly connect: string | undefined;
  readonly 'in-worker': boolean | undefined;
  readonly backend: string;
  readonly token: string | undefined;
  readonly codec: string | undefined;
}): Promise<Link> {
  if (values.connect !== undefined) {
    return await connectLink(values.connect, tokenFrom(values.token), codecFrom(values.codec));
  }
  const backend = oneOf('backend', values.backend, BACKENDS);
  if (values['in-worker'] === true) return (await import('../in-worker-link.ts')).inWorkerLink(backend);
  return (await import('../in-process-link.ts')).inProcessLink(backend);
}

async function traced(link: Link, path: string): Promise<Link> {
  return await (await import('../traced-link.ts')).tracedLink(link, path);
}

interface ProgramRun {
  readonly main: MainProgram;
  readonly ownArgs: readonly string[];
  readonly adapter: string | undefined;
  readonly statistics: string | undefined;
  readonly canvas: ReturnType<typeof canvasOptions>;
}

/** What was asked of a canvas; null when nothing was. */
function canvasOptions(values: {
  readonly canvas: boolean | undefined;
  readonly frames: string | undefined;
  readonly 'frame-limit': string | undefined;
}): { readonly folder: string | undefined; readonly frameLimit: number | undefined } | null {
  const { canvas, frames, 'frame-limit': limit } = values;
  if (canvas !== true && frames === undefined && limit === undefined) return null;
  const frameLimit = limit === undefined ? undefined : wholeNumber('frame-limit', limit, 1, MAX_FRAMES);
  return { folder: frames, frameLimit };
}

async function runOnLink(link: Link, run: ProgramRun): Promise<void> {
  const { main, ownArgs, adapter, statistics, canvas } = run;
  const { bus } = link;
  const gpu = createGPU({
    connect: bus,
    log: (message) => process.stderr.write(`dxgwire: ${message}\n`),
    ...adapterSelector(adapter),
  });
  if (statistics !== undefined) {
    // Counted when the process ends, however it does, so that all of the program is in it.
    process.once('exit', () => {
      writeStatistics(statistics, { transport: bus.transport, ...gpu.statistics, ...bus.statistics });
    });
  }
  stayAliveFor(gpu, bus);
  let readbacks: FrameReadbacks | null = null;
  tellErrorsAtExit(gpu, bus, () => readbacks?.takeNow() ?? 0);
  sayGoodbye(gpu, link);
  bus.onInterruption = (isInterrupted) => {
    const what = isInterrupted ? 'lost; trying to connect again' : 'made again';
    process.stderr.write(`dxgwire: the connection to the host was ${what}\n`);
  };
  installGlobals({ gpu, globals });
  if (canvas !== null) {
    const end = (): void => {
      void gpu.close({ silently: true }).then(() => process.exit());
    };
    readbacks = installCanvas({ ...canvas, end });
  }
  const prepare = (): void => {
    // Nothing is left to do: say goodbye, so that the host need not find out.
    holdEnd(gpu, async () => {
      bus.ref?.();
      await gpu.close({ silently: true });
      await link.close();
    });
  };
  await runProgram(main, ownArgs, prepare, () => lastErrors(gpu));
}

/**
 * Tells the host when this process ends in the middle of something: by `process.exit`, an error or a signal. Else the
 * host might wait for a lost connection to come back, and keep all that belongs to it until then.
 *
 * Where the host sees by itself that this process has ended, signals are left as they are: with a listener, Ctrl-C would
 * not end a program that never leaves its turn.
 */
function sayGoodbye(gpu: RemoteGPU, { bus, closeNow, needsFarewell }: Link): void {
  process.once('exit', () => {
    void gpu.close({ silently: true });
    void bus.close();
    closeNow?.();
  });
  if (!needsFarewell) return;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const end = () => {
      // A program that handles the signal itself has added a listener of its own.
      if (process.listenerCount(signal) > 1) return;
      void bus.close();
      closeNow?.();
      process.off(signal, end);
      process.kill(process.pid, signal);
    };
    process.on(signal, end);
  }
}

/** As long as the program waits for the GPU, and no longer, the link keeps the process alive. */
function stayAliveFor(gpu: { onPendingChange: ((pending: number) => void) | null }, bus: GuestBus): void {
  bus.unref?.();
  let timer: NodeJS.Timeout | undefined;
  gpu.onPendingChange = (pending) => {
    clearInterval(timer);
    // A timer that never does anything stands for all that the GPU owes the program.
    timer = pending > 0 ? setInterval(() => {}, 2 ** 30) : undefined;
  };
}

function writeStatistics(file: string, statistics: object): void {
  try {
    writeFileSync(file, `${JSON.stringify(statistics)}\n`);
  } catch (error) {
    const failure = new CommandFailure(`cannot write ${file}: ${describe(error)}`);
    process.stderr.write(`dxgwire: ${failure.message}\n`);
    process.exitCode = ExitCode.failure;
  }
}
