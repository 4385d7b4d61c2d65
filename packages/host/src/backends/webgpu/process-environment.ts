/**
 * How the C library of a GPU process is to copy, which it does all the time; other C libraries do not look at it. Large blocks go past the
 * cache: they find nothing in it, and leave nothing there of use. Without it glibc does so only from three quarters of all caches on, of which
 * a virtual machine may report any number. (Large pages for its memory, `glibc.malloc.hugetlb`, bring nothing measurable beyond that, and
 * let 45 MB more stay in use.)
 */
const TUNABLES = ['glibc.cpu.x86_non_temporal_threshold=0x400000'];

/** The environment of a GPU process. What the user has set for the C library holds. */
export function gpuProcessEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = environment['GLIBC_TUNABLES'] ?? '';
  const theirs = given === '' ? [] : given.split(':');
  const nameOf = (setting: string): string => setting.split('=', 1)[0]!;
  const named = new Set(theirs.map(nameOf));
  const ours = TUNABLES.filter((setting) => !named.has(nameOf(setting)));
  return {
    ...environment,
    GLIBC_TUNABLES: [...ours, ...theirs].join(':'),
    // Where the host is in the process of a program under `dxgwire run`: this one is not the program's.
    DXGWIRE_PROGRAM: '',
  };
}
