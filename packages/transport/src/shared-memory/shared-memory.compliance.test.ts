import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { describeTransportCompliance, type HostReport, serveCompliance } from '../compliance/index.ts';
import { connect } from '../connect.ts';
import { listen } from '../listen.ts';

const FILE = fileURLToPath(import.meta.url);
const [, , role = '', path = ''] = process.argv;

/** What the host's process says of a guest's bus when that has ended. */
interface Ended {
  readonly guest: string;
  readonly report: HostReport;
}

if (role === 'host') {
  const listener = await listen(`shm:${path}`, {
    guestMemoryBytes: 256 * 1_048_576,
    onBus: (host) => {
      const guest = host.peerName;
      void serveCompliance(host).then((report) => process.send?.({ guest, report }));
    },
  });
  process.send?.({ listening: true });
  await once(process, 'message');
  await listener.close();
  process.disconnect();
} else {
  const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
  const socket = join(folder, 'gpu.sock');
  let count = 0;

  describe('with the host in another process', () => {
    let host: ChildProcess;
    before(async () => {
      host = fork(FILE, ['host', socket], { execArgv: [] });
      await once(host, 'message');
    });
    after(async () => {
      const exited = once(host, 'exit');
      host.send('close');
      await exited;
    });
    describeTransportCompliance('shared memory, two processes', {
      async open() {
        count += 1;
        const name = `guest ${count}`;
        const report = new Promise<HostReport>((resolve) => {
          const heard = (message: Ended) => {
            if (message.guest !== name) return;
            host.off('message', heard as never);
            resolve(message.report);
          };
          host.on('message', heard as never);
        });
        const guest = await connect(`shm:${socket}`, { name });
        return { guest, report, dispose: () => report.then(() => {}) };
      },
    });
  });

  describeTransportCompliance('shared memory, one process', {
    async open() {
      count += 1;
      let resolveReport: (report: Promise<HostReport>) => void = () => {};
      const report = new Promise<HostReport>((resolve) => {
        resolveReport = resolve;
      });
      const listener = await listen(`shm:${join(folder, `${count}.sock`)}`, {
        guestMemoryBytes: 256 * 1_048_576,
        onBus: (host) => resolveReport(serveCompliance(host)),
      });
      const guest = await connect(listener.url);
      return { guest, report, dispose: () => listener.close() };
    },
  });
  process.once('exit', () => rmSync(folder, { recursive: true }));
}
