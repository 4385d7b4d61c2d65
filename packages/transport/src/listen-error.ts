import { TransportError } from './errors.ts';

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use. Stop what uses it, or choose another port (0 picks a free one)',
  EACCES: 'this user may not use that port. Choose one from 1024 on',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the name is not known',
};

/** Why nothing listens there, and the way out. */
export function listenError(where: string, error: NodeJS.ErrnoException): TransportError {
  const hint = HINTS[error.code ?? ''] ?? error.message;
  return new TransportError('listen-failed', `cannot listen on ${where}: ${hint}`, { cause: error });
}
