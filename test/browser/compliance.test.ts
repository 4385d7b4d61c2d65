import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HostReport, serveCompliance } from '@dxgwire/transport/compliance';
import { listenWebSocket } from '@dxgwire/transport/websocket/node';
import type { Outcome } from './page/node-test.ts';
import { bundleForBrowser } from './support/bundle.ts';
import { noBrowserHere } from './support/chromium.ts';
import { Page } from './support/page.ts';

const TOKEN = 'a-token-of-the-page';

/** Runs the whole suite in a page against hosts here. */
async function runInPage(): Promise<Outcome[]> {
  const script = await bundleForBrowser('compliance.js', {
    'node:test': 'node-test.js',
    'node:assert/strict': 'assert.js',
  });
  const reports = new Map<string, Promise<HostReport>>();
  const listener = await listenWebSocket({
    port: 0,
    token: TOKEN,
    onHostBus: (host) => reports.set(host.peerName, serveCompliance(host)),
  });
  const ask = async (path: string): Promise<unknown> => await reports.get(path.split('/').at(-1) ?? '');
  const page = await Page.open(script, { url: listener.url, token: TOKEN }, ask);
  try {
    return (await page.result()) as Outcome[];
  } finally {
    await page.close();
    await listener.close();
  }
}

describe('a guest in headless Chromium', { skip: noBrowserHere }, () => {
  it('keeps the bus contract over WebSocket, test by test', async (context) => {
    const outcomes = await runInPage();
    assert.ok(outcomes.length >= 40, `only ${outcomes.length} tests ran in the page`);
    for (const { name, error } of outcomes) {
      await context.test(name, () => assert.equal(error, null, error ?? ''));
    }
  });
});
