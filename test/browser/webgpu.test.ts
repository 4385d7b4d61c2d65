import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { bundleForBrowser } from './support/bundle.ts';
import { noBrowserHere } from './support/chromium.ts';
import { Page } from './support/page.ts';

const dxgwire = join(dirname(createRequire(import.meta.url).resolve('@dxgwire/cli')), '../bin/dxgwire.js');
const TOKEN = 'a-token-of-the-page';

interface Said {
  readonly there: readonly number[];
  readonly here: readonly number[];
  readonly none: null;
  readonly isRemote: boolean;
  readonly globals: number;
  readonly missing: readonly string[];
}

describe('createGPU in a page', () => {
  it('is bundled for a browser with nothing of Node', async () => {
    const script = await bundleForBrowser('webgpu.js');
    assert.doesNotMatch(script, /(?:from|import|require)\s*\(?\s*["']node:/);
    await assert.rejects(bundleForBrowser('compliance.js'), /Could not resolve "node:/);
  });

  it('runs a program on a host elsewhere as on its own GPU', { skip: noBrowserHere }, async () => {
    const args = [
      dxgwire,
      'host',
      '--listen',
      'ws://127.0.0.1:0',
      '--json',
      '--log',
      'warn',
      '--token',
      TOKEN,
    ];
    const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => host.once('close', resolve));
    try {
      const line = await new Promise<string>((resolve, reject) => {
        createInterface({ input: host.stdout }).once('line', resolve);
        host.once('close', (code) => reject(new Error(`the host ended with code ${code}`)));
      });
      const { url } = JSON.parse(line) as { url: string };
      const page = await Page.open(await bundleForBrowser('webgpu.js'), { url, token: TOKEN });
      try {
        const said = (await page.result()) as Said;
        assert.equal(said.there.length, 1000);
        assert.equal(said.there[999], (999 / 8) ** 2);
        assert.deepEqual(said.there, said.here);
        assert.equal(said.none, null);
        assert.ok(said.isRemote);
        assert.ok(said.globals > 30);
        // The page's own Chromium has all the classes that ours does.
        assert.deepEqual(said.missing, []);
      } finally {
        await page.close();
      }
    } finally {
      host.kill('SIGINT');
      await ended;
    }
  });
});
