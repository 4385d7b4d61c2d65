import { WebSocket as WsWebSocket } from 'ws';
import { describeTransportCompliance, type HostReport, serveCompliance } from '../compliance/index.ts';
import { connectWebSocket } from './index.ts';
import { listenWebSocket } from './node.ts';

// Node 20 has no WebSocket of its own; `ws` has the platform's interface, which is all that the browser half uses.
(globalThis as { WebSocket?: unknown }).WebSocket ??= WsWebSocket;

describeTransportCompliance("the platform's WebSocket", {
  async open() {
    let report: Promise<HostReport> | null = null;
    const listener = await listenWebSocket({
      port: 0,
      token: 'a token',
      authenticate: (token) => token === 'a-token',
      onHostBus: (host) => {
        report = serveCompliance(host);
      },
    });
    const guest = await connectWebSocket(listener.url, { token: 'a-token' });
    if (report === null) throw new Error('the host has seen no guest');
    return { guest, report, dispose: () => listener.close() };
  },
});
