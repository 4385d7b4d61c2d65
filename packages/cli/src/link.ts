import process from 'node:process';
import { Codec, type GuestBus, isTransportError } from '@dxgwire/transport';
import { CONNECT_SCHEMES, connect } from '@dxgwire/transport/connect';
import { oneOf } from './command.ts';
import { CommandFailure, describe, UsageError } from './errors.ts';

/** A guest's bus, and all that has to end with it. */
export interface Link {
  readonly bus: GuestBus;
  /** Where workers of the program can connect to the same host; null: nowhere. It may hold a token. */
  readonly workersUrl: string | null;
  /** The host would not know by itself that this process has ended, and keep its things for a while. */
  readonly needsFarewell: boolean;
  close(): Promise<void>;
  /** What is to be done within the call when the process ends in the middle of something. */
  closeNow?(): void;
}

/** Codecs that `--codec` takes. */
const CODECS = Object.values(Codec);

/** What `--codec` says, for `connect`. @throws UsageError. */
export function codecFrom(text: string | undefined): Codec | undefined {
  return text === undefined ? undefined : oneOf('codec', text, CODECS);
}

/** @throws UsageError for a codec that is none, or one where nothing has to be agreed. */
export function checkCodec(text: string | undefined, connect: string | undefined): void {
  if (codecFrom(text) !== undefined && connect === undefined) {
    throw new UsageError('--codec is of a link to a host elsewhere: give it with --connect URL');
  }
}

/**
 * Connects to a host by URL.
 *
 * @throws UsageError when that is no URL of a host; CommandFailure when the host cannot be reached or refuses.
 */
export async function connectLink(url: string, token: string | undefined, codec?: Codec): Promise<Link> {
  try {
    const bus = await connect(url, {
      name: `dxgwire ${process.pid}`,
      // A host decides; one that is told nothing does not compress.
      compression: true,
      ...(token === undefined ? {} : { token }),
      ...(codec === undefined ? {} : { codecs: [codec] }),
    });
    // A host that was started for this link alone serves nobody else, and a device carries one link.
    const workersUrl = /^(stdio|device):/i.test(url) ? null : url;
    return { bus, workersUrl, needsFarewell: isFarAway(url), close: () => bus.close() };
  } catch (error) {
    if (isTransportError(error) && error.code === 'bad-url') {
      const example = `${CONNECT_SCHEMES[0]}://127.0.0.1:8774`;
      throw new UsageError(
        `--connect takes the URL that \`dxgwire host\` prints, like ${example}: ${error.message}`,
      );
    }
    const hint = token === undefined ? '; give its --token SECRET' : '';
    const refused = isTransportError(error) && error.code === 'refused' ? hint : '';
    const what = describe(error);
    const place = what.includes(new URL(url).host) ? '' : `cannot connect to ${withoutSecrets(url)}: `;
    throw new CommandFailure(`${place}${what}${refused}${doubtOf(error)}`, { cause: error });
  }
}

/**
 * Whether the host is where the end of this process is not seen: on another machine, or behind a serial line. It may be
 * behind a tunnel of this machine's too; then it waits for a guest that comes back, as after a broken connection.
 */
function isFarAway(url: string): boolean {
  if (/^device:/i.test(url)) return true;
  if (!/^(wss?|https?|tcp):/i.test(url)) return false;
  const [, host = ''] = /^\w+:(?:\/\/)?(?:[^@/?]*@)?(\[[^\]]*\]|[^:/?]*)/.exec(url) ?? [];
  return process.platform !== 'linux' || !/^(localhost|127(\.\d+){3}|\[::1\])$/i.test(host);
}

/** What answers in another way than a host does, may be none. */
function doubtOf(error: unknown): string {
  const isStrange = isTransportError(error) && ['bad-frame', 'peer-closed', 'time-out'].includes(error.code);
  return isStrange ? '. Is that a dxgwire host?' : '';
}

/** A URL fit for an error message: without a password or a token. */
function withoutSecrets(text: string): string {
  const url = new URL(text);
  url.password = '';
  url.search = '';
  return url.href;
}

/** Guest RAM of a link to a host in the same process, bytes. Committed by the system as it is touched. */
export const GUEST_MEMORY_BYTES = 1 << 30;
