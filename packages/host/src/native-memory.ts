import { constants } from 'node:buffer';
import process from 'node:process';
import { loadKoffi } from './koffi.ts';

/** The few system calls for memory that several processes see, and for such processes. Linux only. */
export interface NativeMemory {
  /**
   * Maps `lengthBytes` of an open file, shared, for reading and writing.
   * @throws Error with the system's error name; RangeError for more than an ArrayBuffer of this Node can have.
   */
  map(fileDescriptor: number, lengthBytes: number): NativeMapping;
  /** An anonymous file in memory, closed on exec. @throws Error when the kernel has none. */
  createMemoryFile(name: string): number;
  /** Where bytes lie, for {@link copyFrom}. */
  addressOf(bytes: Uint8Array): bigint;
  /** Fills the target with what lies at an address, wherever that comes from: the caller answers for it. */
  copyFrom(target: Uint8Array, address: bigint): void;
  /** Asks the kernel to kill this process when the thread that started it ends. @returns whether it agreed. */
  dieWithParent(): boolean;
  /** Lets other threads have this thread's core, if any wants it. */
  yieldCore(): void;
}

/** A mapping and its bytes. */
export interface NativeMapping {
  readonly bytes: Uint8Array;
  /**
   * Lets go of the file. The bytes read as zero from then on; the addresses are given back when nobody can reach
   * them any more, so that a late access is harmless.
   */
  release(): void;
}

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
/** MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE. */
const MAP_HOLE = 0x4032;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const MFD_CLOEXEC = 1;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

let cached: NativeMemory | null | undefined;

/** The system calls, or null where koffi or the system cannot. */
export function nativeMemory(): NativeMemory | null {
  if (cached === undefined) {
    try {
      cached = process.platform === 'linux' ? load() : null;
    } catch {
      cached = null;
    }
  }
  return cached;
}

function load(): NativeMemory {
  const koffi = loadKoffi();
  const libc = koffi.load(null);
  const mmap = libc.func(
    'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const munmap = libc.func('int munmap(void *address, size_t length)');
  const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
  const memcpy = libc.func('void *memcpy(void *target, void *source, size_t length)');
  const prctl = libc.func(
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  );
  const schedYield = libc.func('int sched_yield()');
  const unreachable = new FinalizationRegistry<{ address: bigint; lengthBytes: number }>(
    ({ address, lengthBytes }) => {
      munmap(address, lengthBytes);
    },
  );
  return {
    map(fileDescriptor, lengthBytes) {
      // koffi ends the process where V8 cannot have such an ArrayBuffer.
      if (lengthBytes > constants.MAX_LENGTH) {
        throw new RangeError(
          `this Node maps at most ${constants.MAX_LENGTH} bytes in one piece, not ${lengthBytes}`,
        );
      }
      const address = mmap(null, lengthBytes, PROT_READ_WRITE, MAP_SHARED, fileDescriptor, 0) as bigint;
      if (address === MAP_FAILED) {
        throw new Error(`mmap of ${lengthBytes} bytes failed with error ${koffi.errno()}`);
      }
      const buffer = koffi.view(address, lengthBytes);
      unreachable.register(buffer, { address, lengthBytes });
      return {
        bytes: new Uint8Array(buffer),
        release: () => {
          mmap(address, lengthBytes, PROT_READ_WRITE, MAP_HOLE, -1, 0);
        },
      };
    },
    createMemoryFile(name) {
      const fileDescriptor = memfdCreate(name, MFD_CLOEXEC) as number;
      if (fileDescriptor < 0) throw new Error(`memfd_create failed with error ${koffi.errno()}`);
      return fileDescriptor;
    },
    addressOf: (bytes) => koffi.address(bytes),
    copyFrom(target, address) {
      memcpy(target, address, target.length);
    },
    dieWithParent: () => prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) === 0,
    yieldCore: () => {
      schedYield();
    },
  };
}
