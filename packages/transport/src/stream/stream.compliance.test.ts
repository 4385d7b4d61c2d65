import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeTransportCompliance, type HostReport, serveCompliance } from '../compliance/index.ts';
import { connect } from '../connect.ts';
import { listen } from '../listen.ts';
import type { HostBus } from '../transport.ts';
import { attachHostStream, connectOverStream, connectToChild } from './index.ts';
import { createDuplexPair } from './testing/duplex-pair.ts';
import { createDeviceLine } from './testing/pseudo-terminal.ts';

const FILE = fileURLToPath(import.meta.url);

/** @param connectUrl - What the guest connects to; by default what the host listens on. */
function fixtureOf(makeUrl: () => { url: string; remove: () => void | Promise<void> }, connectUrl?: string) {
  return {
    async open() {
      let report: Promise<HostReport> | null = null;
      const { url, remove } = makeUrl();
      const listener = await listen(url, {
        onBus: (host) => {
          report = serveCompliance(host);
        },
      });
      const guest = await connect(connectUrl ?? listener.url);
      if (report === null) throw new Error('the host has seen no guest');
      const dispose = async () => {
        await listener.close();
        await remove();
      };
      return { guest, report, dispose };
    },
  };
}

function hasDeviceLines(): boolean {
  const line = createDeviceLine();
  void line?.cut();
  return line !== null;
}

if (process.argv[2] === 'host') {
  // The host's end of `stdio:`, as a child of the test.
  await listen('stdio:', {
    onBus: (host) => {
      void serveCompliance(host).then((report) =>
        writeFileSync(process.argv[3] ?? '', JSON.stringify(report)),
      );
    },
  });
} else {
  runTests();
}

function runTests(): void {
  describeTransportCompliance(
    'Unix socket',
    fixtureOf(() => {
      const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
      return { url: `unix:${folder}/gpu.sock`, remove: () => rmSync(folder, { recursive: true }) };
    }),
  );

  describeTransportCompliance(
    'TCP',
    fixtureOf(() => ({ url: 'tcp:127.0.0.1:0', remove: () => {} })),
  );

  if (hasDeviceLines()) {
    describeTransportCompliance('character device', {
      async open() {
        const line = createDeviceLine();
        if (line === null) throw new Error('no pseudo-terminals can be made here');
        const { open } = fixtureOf(
          () => ({ url: `device:${line.paths[0]}`, remove: () => line.cut() }),
          `device:${line.paths[1]}`,
        );
        return await open();
      },
    });
  }

  describeTransportCompliance('a duplex in memory', {
    async open() {
      const [near, far] = createDuplexPair();
      const report = new Promise<HostReport>((resolve, reject) => {
        const onHostBus = (host: HostBus) => {
          serveCompliance(host).then(resolve, reject);
        };
        attachHostStream(far, { onHostBus });
      });
      const guest = await connectOverStream(near);
      return { guest, report, async dispose() {} };
    },
  });

  describeTransportCompliance('standard input and output of a child process', {
    async open() {
      const folder = mkdtempSync(join(tmpdir(), 'dxgwire-'));
      const file = join(folder, 'report.json');
      const { guest, child } = await connectToChild(process.execPath, [FILE, 'host', file]);
      const exited = once(child, 'exit');
      const report = exited.then(() => JSON.parse(readFileSync(file, 'utf8')) as HostReport);
      const dispose = async () => {
        await report;
        rmSync(folder, { recursive: true });
      };
      return { guest, report, dispose };
    },
  });
}
