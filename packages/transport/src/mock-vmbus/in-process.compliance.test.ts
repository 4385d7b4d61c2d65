import { describeTransportCompliance, serveCompliance } from '../compliance/index.ts';
import { createInProcessBus } from './in-process.ts';

describeTransportCompliance('in process', {
  async open() {
    const { guest, host } = createInProcessBus();
    return { guest, report: serveCompliance(host), async dispose() {} };
  },
});
