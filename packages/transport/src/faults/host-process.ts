import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { attachHostStream } from '../stream/listen.ts';
import type { ConversationOptions } from './conversation-data.ts';
import { HostPart, type HostReport } from './host-part.ts';

const FILE = fileURLToPath(import.meta.url);
const ROLE = 'serve-pipes';
/** The first pipes of a child are its standard input, output and error, and the way of messages. */
const FIRST_PIPE = 4;
const HEARTBEAT_MS = 700;
const HANDSHAKE_TIMEOUT_MS = 3000;

interface Task {
  readonly fd: number;
  readonly options: ConversationOptions;
}

/** A pipe to a child process, of the kind that is its standard input and output, with a host's end there. */
export interface ServedPipe {
  readonly stream: Duplex;
  /** How it went there; comes when the host's end is over and has nothing left. */
  readonly report: Promise<HostReport>;
}

/** A child process that serves host's ends over pipes that it was born with. */
export class ServingProcess {
  readonly #child: ChildProcess;
  readonly #pipes: number;
  readonly #waiting = new Map<number, (report: HostReport) => void>();
  #next = FIRST_PIPE;

  /** @param pipes - How many host's ends it can serve in all. */
  constructor(pipes: number) {
    this.#pipes = pipes;
    const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc'];
    for (let i = 0; i < pipes; i += 1) stdio.push('pipe');
    this.#child = fork(FILE, [ROLE], { stdio });
    this.#child.on('message', (message) => {
      const { fd, report } = message as { fd: number; report: HostReport };
      this.#waiting.get(fd)?.(report);
      this.#waiting.delete(fd);
    });
  }

  get isUsedUp(): boolean {
    return this.#next >= FIRST_PIPE + this.#pipes;
  }

  serve(options: ConversationOptions): ServedPipe {
    const fd = this.#next;
    this.#next += 1;
    this.#child.send({ fd, options } satisfies Task);
    const report = new Promise<HostReport>((resolve) => this.#waiting.set(fd, resolve));
    return { stream: this.#child.stdio[fd] as unknown as Duplex, report };
  }

  /** Ends the child, by itself or at once. */
  async stop(signal?: 'SIGKILL'): Promise<void> {
    const exited = once(this.#child, 'exit');
    for (let fd = FIRST_PIPE; fd < FIRST_PIPE + this.#pipes; fd += 1) {
      (this.#child.stdio[fd] as unknown as Duplex).destroy();
    }
    if (signal === undefined) this.#child.disconnect();
    else this.#child.kill(signal);
    await exited;
  }
}

function serve({ fd, options }: Task): void {
  const part = new HostPart(options);
  let regions = 0;
  let isRefused = false;
  const isOver = () => (isRefused || part.closes.length > 0) && regions === 0;
  const tell = () => {
    // Memory is given back after the end has been told.
    setImmediate(() => {
      if (isOver()) process.send?.({ fd, report: part.report() });
    });
  };
  part.closed.then(tell);
  attachHostStream(
    new Socket({ fd, readable: true, writable: true }),
    {
      onHostBus: (bus) => part.serve(bus),
      onRefused: () => {
        isRefused = true;
        tell();
      },
      windowMegabytes: 1,
      guestMemoryBytes: 2 * 1024 * 1024,
      heartbeatMs: HEARTBEAT_MS,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      allocateRegion: (length) => {
        regions += 1;
        const free = () => {
          regions -= 1;
          tell();
        };
        return { bytes: new Uint8Array(length), path: null, offset: 0, free };
      },
    },
    'stdio',
  );
}

if (process.argv[1] === FILE && process.argv[2] === ROLE) {
  process.on('message', (task) => serve(task as Task));
}
