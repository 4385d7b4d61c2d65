import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { brotliDecompressSync } from 'node:zlib';
import { readTar } from './tar.ts';

/** A Vulkan loader with the one driver that it shall find. */
export interface BundledVulkan {
  /** `libvulkan.so.1`: to be loaded before Dawn starts, which then finds it by its name. */
  readonly loaderPath: string;
  /** For `VK_ICD_FILENAMES`. */
  readonly driverManifestPath: string;
}

const LOADER = 'libvulkan.so.1';
const MANIFEST = 'vk_swiftshader_icd.json';
const FILES = ['libvk_swiftshader.so', LOADER, MANIFEST] as const;

/**
 * The software Vulkan driver that the npm package `@sparticuz/chromium` carries, unpacked to this user's cache
 * folder: once for each version of the package, whole or not at all.
 *
 * @throws Error in words for people when the package or its driver does not serve this machine.
 */
export function unpackSwiftShader(): BundledVulkan {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `the bundled SwiftShader is for Linux on x64, not ${process.platform} on ${process.arch}`,
    );
  }
  const { archivePath, version } = findPackage();
  const failures: string[] = [];
  for (const base of cacheFolders()) {
    try {
      return unpackInto(join(base, `swiftshader-${version}-${process.arch}`), base, archivePath);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`SwiftShader could not be unpacked: ${failures.join('; ')}`);
}

function findPackage(): { archivePath: string; version: string } {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const folder = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { archivePath: join(folder, 'bin', 'swiftshader.tar.br'), version };
}

/** The user's cache folder; where there is none that can be written, one in the folder for temporary files. */
function cacheFolders(): string[] {
  const ownName = `dxgwire-${process.getuid?.() ?? 'user'}`;
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return [join(cache, 'dxgwire'), join(tmpdir(), ownName)];
}

function unpackInto(folder: string, base: string, archivePath: string): BundledVulkan {
  const result = {
    loaderPath: join(folder, LOADER),
    driverManifestPath: join(folder, MANIFEST),
  };
  makeFolder(base);
  requireOwn(base);
  if (isComplete(folder)) return result;
  const files = readTar(brotliDecompressSync(readFileSync(archivePath)));
  const fresh = mkdtempSync(join(base, 'unpacking-'));
  try {
    chmodSync(fresh, 0o700);
    for (const name of FILES) {
      const bytes = files.get(name);
      if (bytes === undefined) throw new Error(`${archivePath} has no ${name}`);
      writeFileSync(join(fresh, name), bytes, { mode: 0o600 });
    }
    try {
      renameSync(fresh, folder);
    } catch (error) {
      // Another process was first; what it made is as good as ours.
      if (!isComplete(folder)) throw error;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return result;
}

/**
 * Makes a folder and those above it. Not by mkdir's own `recursive`: that never ends where the system says that a
 * folder is missing and refuses to make it, as /proc does.
 */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

function isComplete(folder: string): boolean {
  if (!existsSync(folder)) return false;
  requireOwn(folder);
  return FILES.every((name) => existsSync(join(folder, name)));
}

/** We load code from there: nobody else may be able to put any in. */
function requireOwn(folder: string): void {
  const status = lstatSync(folder);
  const isOurs = status.uid === (process.getuid?.() ?? status.uid);
  if (!status.isDirectory() || !isOurs || (status.mode & 0o022) !== 0) {
    throw new Error(`${folder} is not a folder that only this user can write`);
  }
}
