import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import process from 'node:process';
import { TransportError } from './errors.ts';

/** When no more than so many further files may be opened, whoever runs a host should know. */
const SCARCE_FILES = 8;
/** When so many may be opened again, the next time is worth saying. */
const ENOUGH_FILES = 32;

/** Told of what kept guests out; `peer` says whom. */
type OnRefused = (error: Error, peer: string) => void;

/**
 * A server that listens tells as an error that it could not take a connection. That connection is lost, and whoever made it sees so.
 * The host goes on; without a listener the event would end it.
 *
 * Where this process may open no more files, connections are closed without so much as an event. So it is said when
 * that is about to be, once each time.
 *
 * @param mostFiles - What this process may have open.
 */
export function outliveFailedAccepts(
  server: Server,
  onRefused: OnRefused = () => {},
  mostFiles: number = readMostFiles(),
): void {
  let isScarce = false;
  const scarce = (cause?: Error) => {
    if (isScarce) return;
    isScarce = true;
    const message =
      `this process has nearly all ${mostFiles} files open that it may have: until some are closed, further guests are ` +
      'turned away. Raise the limit (ulimit -n, LimitNOFILE= of a systemd unit)';
    onRefused(new TransportError('limit', message, { cause }), 'further guests');
  };
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') scarce(error);
    else onRefused(error, 'a guest that could not be taken');
  });
  if (mostFiles === Number.POSITIVE_INFINITY) return;
  server.on('connection', (socket: Socket) => {
    // The system gives the lowest number that is free.
    const { fd = -1 } = (socket as { _handle?: { fd?: number } | null })._handle ?? {};
    if (fd >= mostFiles - SCARCE_FILES) scarce();
    else if (fd < mostFiles - ENOUGH_FILES) isScarce = false;
  });
}

/** How many files this process may have open; infinite where that is not known. */
function readMostFiles(): number {
  if (process.platform !== 'linux') return Number.POSITIVE_INFINITY;
  try {
    const [, most] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(most ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
