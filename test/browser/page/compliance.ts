/** The transport compliance suite with the guest's end in a page. The host's end reports over HTTP. */
import { describeTransportCompliance, type HostReport } from '@dxgwire/transport/compliance';
import { connectWebSocket } from '@dxgwire/transport/websocket';
import { runAll } from './node-test.ts';

const { parameters } = globalThis as unknown as { parameters: { url: string; token: string } };
let count = 0;

describeTransportCompliance('a browser, over WebSocket', {
  async open() {
    count += 1;
    const name = `page-${count}`;
    const guest = await connectWebSocket(parameters.url, { name, token: parameters.token });
    const report = fetch(`/report/${name}`).then((response) => response.json() as Promise<HostReport>);
    return { guest, report, dispose: async () => {} };
  },
});

await fetch('/result', { method: 'POST', body: JSON.stringify(await runAll()) });
