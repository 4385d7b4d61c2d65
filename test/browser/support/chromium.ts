import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Why there is no browser here to test with, or false when there is one. */
export const noBrowserHere: string | false =
  process.platform === 'linux' && process.arch === 'x64'
    ? false
    : `the Chromium among our packages is for Linux on x64, not ${process.platform} on ${process.arch}`;

interface Package {
  readonly default: { executablePath(): Promise<string> };
  inflate(path: string): Promise<string>;
}

/**
 * The headless Chromium that the npm package `@sparticuz/chromium` carries, unpacked to this user's cache folder: once for
 * each version, whole or not at all.
 */
async function unpack(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const folder = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  const base = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dxgwire');
  const target = join(base, `chromium-${version}`);
  if (existsSync(target)) return target;
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const fresh = mkdtempSync(join(base, 'unpacking-'));
  const before = process.env['TMPDIR'];
  try {
    // The package unpacks to the folder for temporary files, whichever that is.
    process.env['TMPDIR'] = fresh;
    const { default: chromium, inflate } = (await import('@sparticuz/chromium')) as unknown as Package;
    await chromium.executablePath();
    await inflate(join(folder, 'bin/al2023.tar.br'));
    renameSync(fresh, target);
  } catch (error) {
    // Another process was first.
    if (!existsSync(target)) throw error;
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(fresh, { recursive: true, force: true });
  }
  return target;
}

/** A headless browser with one page. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #ended: Promise<void>;
  #errors = '';

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    process.once('exit', this.#kill);
  }

  /** Opens a page, with a WebGPU of its own on the software device that it carries. */
  static async open(url: string): Promise<Browser> {
    const folder = await unpack();
    const profile = mkdtempSync(join(tmpdir(), 'dxgwire-browser-'));
    const child = spawn(
      join(folder, 'chromium'),
      [
        '--headless=shell',
        '--no-sandbox',
        '--no-first-run',
        '--no-zygote',
        '--disable-quic',
        '--disable-sync',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-dev-shm-usage',
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        `--user-data-dir=${profile}`,
        url,
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
        env: { ...process.env, LD_LIBRARY_PATH: join(folder, 'al2023/lib') },
      },
    );
    return new Browser(child, profile);
  }

  /** Rejects when the browser ends before it was closed, with its last words. */
  async failure(): Promise<never> {
    await this.#ended;
    throw new Error(`the browser ended: ${this.#errors.trim().split('\n').slice(-3).join(' ')}`);
  }

  /** Ends it with all of its processes and files. */
  async close(): Promise<void> {
    this.#kill();
    await this.#ended;
    process.off('exit', this.#kill);
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }

  readonly #kill = (): void => {
    try {
      process.kill(-(this.#child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
}
