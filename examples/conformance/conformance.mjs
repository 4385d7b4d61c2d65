// Judges a host from outside: here one in this process, for you any that a bus leads to.
import { reportText, runHostConformance } from '@dxgwire/conformance';
import { createHost } from '@dxgwire/host';
import { createReferenceBackend } from '@dxgwire/host/backends/reference';
import { createInProcessBus } from '@dxgwire/transport/mock-vmbus';

const backend = createReferenceBackend();
const host = createHost({ backend });
const report = await runHostConformance(
  async () => {
    const bus = createInProcessBus();
    host.attach(bus.host);
    return bus.guest;
  },
  { filter: 'SYNC' },
);
process.stdout.write(reportText(report));
await host.close();
await backend.close();
process.exitCode = report.failed === 0 ? 0 : 1;
