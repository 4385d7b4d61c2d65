import { describeTransportCompliance, type HostReport, serveCompliance } from '../compliance/index.ts';
import { connectWebSocket, listenWebSocket } from './node.ts';

describeTransportCompliance('WebSocket', {
  async open() {
    let report: Promise<HostReport> | null = null;
    const listener = await listenWebSocket({
      port: 0,
      onHostBus: (host) => {
        report = serveCompliance(host);
      },
    });
    const guest = await connectWebSocket(listener.url);
    if (report === null) throw new Error('the host has seen no guest');
    return { guest, report, dispose: () => listener.close() };
  },
});
