import { constants } from 'node:buffer';
import { closeSync, fchmodSync, ftruncateSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { getSystemErrorName } from 'node:util';
import { TransportError } from '../errors.ts';
import type { LendBytes } from '../mock-vmbus/guest-ram.ts';
import { detacher } from './detacher.ts';
import { Loans } from './loans.ts';

/** The few system calls for memory that two processes see. */
export interface NativeMemory {
  /** Maps `lengthBytes` of an open file, shared, for reading and writing. @throws Error. */
  map(fileDescriptor: number, lengthBytes: number): Mapping;
  /**
   * A zeroed file in memory that has no name in any folder, closed on exec, mode 0600. Its size is sealed: nobody who
   * opens it can cut it short, which would kill whoever has it mapped.
   * @throws Error when the kernel has none.
   */
  createFile(lengthBytes: number): number;
  /** Whether nobody can cut an open file short: only a memory file that is sealed so. */
  isSealed(fileDescriptor: number): boolean;
  /** The user whose process is at the other end of a Unix socket, as the system knows it. @throws Error. */
  peerUser(fileDescriptor: number): number;
}

/** A mapping and its bytes. */
export interface Mapping {
  readonly bytes: Uint8Array;
  /** Lends part of the bytes to somebody; left out where ArrayBuffers of such memory cannot be detached. */
  readonly lend?: LendBytes;
  /**
   * Lets go of the file, once nothing of it is lent. The bytes read as zero from then on; the addresses are given back
   * when nobody can reach them any more, so that a late access is harmless.
   */
  release(): void;
}

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
/** MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE. */
const MAP_HOLE = 0x4032;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const MFD_CLOEXEC_ALLOW_SEALING = 3;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW. */
const SEALS = 7;
const F_SEAL_SHRINK = 2;
/** The same on x64 and arm64. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: process, user, group. */
const CREDENTIAL_WORDS = 3;

let cached: NativeMemory | null = null;

/** The system calls. @throws TransportError `unsupported` where there are none, naming what to use instead. */
export function nativeMemory(): NativeMemory {
  cached ??= load();
  return cached;
}

/**
 * Whether this kind of machine has such memory. Nothing here depends on numbers of system calls or on layouts that differ
 * between x64 and arm64: the C library's functions are called by name.
 *
 * @throws TransportError `unsupported`.
 */
export function checkPlatform(platform: string, arch: string): void {
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new TransportError(
      'unsupported',
      `shared memory works on Linux on x64 and arm64, not on ${platform} ${arch}; use unix:PATH or tcp:HOST:PORT`,
    );
  }
}

/**
 * A mapping becomes an ArrayBuffer, and one that V8 cannot have ends the process, where koffi makes it.
 *
 * @throws TransportError `out-of-range`.
 */
export function checkMappable(lengthBytes: number): void {
  if (lengthBytes <= constants.MAX_LENGTH) return;
  throw new TransportError(
    'out-of-range',
    `this Node maps at most ${constants.MAX_LENGTH} bytes in one piece, not ${lengthBytes}`,
  );
}

function load(): NativeMemory {
  checkPlatform(process.platform, process.arch);
  try {
    return loadLinux();
  } catch (error) {
    throw new TransportError(
      'unsupported',
      `shared memory needs the package koffi, which cannot be loaded here (${(error as Error).message}); ` +
        'use unix:PATH',
      { cause: error },
    );
  }
}

/**
 * koffi and the C library. Loaded on first use and by `require`: a machine for which koffi has no binary must still get an answer.
 *
 * Node up to 22 stops at a symbolic link, and koffi then does not find its binary, when a socket is the last file that
 * the process has looked at, as a host that listens on one has. So it looks at another first.
 */
export function loadLibc() {
  statSync('.', { throwIfNoEntry: false });
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  return { koffi, libc: koffi.load(null) };
}

function loadLinux(): NativeMemory {
  const { koffi, libc } = loadLibc();
  const mmap = libc.func(
    'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const munmap = libc.func('int munmap(void *address, size_t length)');
  const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
  const fcntl = libc.func('int fcntl(int fd, int command, int argument)');
  const getsockopt = libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)');
  const errorName = () => getSystemErrorName(-koffi.errno());
  const unreachable = new FinalizationRegistry<{ address: bigint; lengthBytes: number }>(
    ({ address, lengthBytes }) => {
      munmap(address, lengthBytes);
    },
  );
  return {
    map(fileDescriptor, lengthBytes) {
      checkMappable(lengthBytes);
      const address = mmap(null, lengthBytes, PROT_READ_WRITE, MAP_SHARED, fileDescriptor, 0) as bigint;
      if (address === MAP_FAILED) {
        throw new Error(`mmap of ${lengthBytes} bytes failed: ${errorName()}`);
      }
      const buffer = koffi.view(address, lengthBytes);
      unreachable.register(buffer, { address, lengthBytes });
      const loans = new Loans(buffer, (offset, length) => koffi.view(address + BigInt(offset), length));
      return {
        bytes: new Uint8Array(buffer),
        ...(detacher() === null ? {} : { lend: loans.lend }),
        release: () => {
          loans.whenOver(() => {
            mmap(address, lengthBytes, PROT_READ_WRITE, MAP_HOLE, -1, 0);
          });
        },
      };
    },
    createFile(lengthBytes) {
      const fileDescriptor = memfdCreate('dxgwire', MFD_CLOEXEC_ALLOW_SEALING) as number;
      if (fileDescriptor < 0) throw new Error(`memfd_create failed: ${errorName()}`);
      try {
        fchmodSync(fileDescriptor, 0o600);
        ftruncateSync(fileDescriptor, lengthBytes);
        if (fcntl(fileDescriptor, F_ADD_SEALS, SEALS) !== 0) {
          throw new Error(`sealing a memory file failed: ${errorName()}`);
        }
      } catch (error) {
        closeSync(fileDescriptor);
        throw error;
      }
      return fileDescriptor;
    },
    isSealed(fileDescriptor) {
      const seals = fcntl(fileDescriptor, F_GET_SEALS, 0) as number;
      return seals >= 0 && (seals & F_SEAL_SHRINK) !== 0;
    },
    peerUser(fileDescriptor) {
      const credentials = new Uint32Array(CREDENTIAL_WORDS);
      const length = Uint32Array.of(credentials.byteLength);
      if (getsockopt(fileDescriptor, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) {
        throw new Error(`getsockopt failed: ${errorName()}`);
      }
      return credentials[1]!;
    },
  };
}
