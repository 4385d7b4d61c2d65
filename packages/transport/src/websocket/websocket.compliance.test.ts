import { describeTransportCompliance, type HostReport, serveCompliance } from '../compliance/index.ts';
import { connectWebSocket, listenWebSocket } from './node.ts';

for (const compression of [false, true]) {
  describeTransportCompliance(compression ? 'WebSocket with compression' : 'WebSocket', {
    async open() {
      let report: Promise<HostReport> | null = null;
      const listener = await listenWebSocket({
        port: 0,
        compression,
        onHostBus: (host) => {
          report = serveCompliance(host);
        },
      });
      const guest = await connectWebSocket(listener.url, { compression });
      if (report === null) throw new Error('the host has seen no guest');
      return { guest, report, dispose: () => listener.close() };
    },
  });
}
