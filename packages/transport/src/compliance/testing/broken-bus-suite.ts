import process from 'node:process';
import { describeTransportCompliance, serveCompliance } from '../index.ts';
import { createBrokenBus, type Defect, defects } from './broken-bus.ts';

/** The suite over a bus with the defect that is named on the command line, or none: run by `broken-buses.test.ts`. */
const defect: Partial<Defect> = defects[process.argv[2] ?? ''] ?? {};
describeTransportCompliance('a broken bus', {
  ...(defect.isWaitedFor === true ? { timeoutMs: 2000 } : {}),
  async open() {
    const { guest, host } = createBrokenBus(defect);
    return { guest, report: serveCompliance(host), async dispose() {} };
  },
});
