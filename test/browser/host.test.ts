import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGPU, globals } from '@dxgwire/guest/webgpu';
import { createLocalGPU } from '@dxgwire/host/backends/webgpu';
import { createPageBackend } from '@dxgwire/host/backends/webgpu/page';
import { createHost } from '@dxgwire/host/core';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';
import { square } from './page/square.ts';
import { bundleForBrowser } from './support/bundle.ts';
import { noBrowserHere } from './support/chromium.ts';
import { Page } from './support/page.ts';

const numbers = Array.from({ length: 1000 }, (_, index) => index / 8);

interface Said {
  readonly there: readonly number[];
  readonly again: readonly number[];
  readonly here: readonly number[];
  readonly description: string;
}

describe('a host in a page', () => {
  it('is bundled for a browser with nothing of Node', async () => {
    assert.doesNotMatch(await bundleForBrowser('host.js'), /(?:from|import|require)\s*\(?\s*["']node:/);
  });

  it("serves guests with the page's own GPU", { skip: noBrowserHere }, async () => {
    const page = await Page.open(await bundleForBrowser('host.js'), {});
    try {
      const { there, again, here, description } = (await page.result()) as Said;
      assert.equal(there[999], (999 / 8) ** 2);
      assert.deepEqual(there, here);
      assert.deepEqual(again, here);
      assert.match(description, /software/);
    } finally {
      await page.close();
    }
  });

  it('serves guests with any GPU object, and ends their devices once', async () => {
    const { gpu: dawn } = await createLocalGPU();
    const backend = await createPageBackend({ gpu: dawn });
    const host = createHost({ backend });
    const { guest, host: hostBus } = createInProcessBus({ guestMemoryBytes: 64 << 20 });
    const partition = host.attach(hostBus);
    assert.ok(partition);
    const gpu = createGPU({ connect: guest });
    Object.assign(globalThis, globals);
    assert.deepEqual(
      await square(gpu, numbers),
      numbers.map((number) => Math.fround(number * number)),
    );
    const device = await (await gpu.requestAdapter())!.requestDevice();
    await host.close();
    const { reason } = await device.lost;
    assert.equal(reason, 'unknown');
    await gpu.close();
    await backend.close();
    await assert.rejects(
      createPageBackend({ gpu: { requestAdapter: async () => null } as unknown as GPU }),
      /no adapter/,
    );
  });
});
