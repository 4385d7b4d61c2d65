import type { KmtDriver } from '../driver.ts';
import { startDriver } from '../driver.ts';
import { unwrap } from '../errors.ts';
import type { KmtProcess } from '../process.ts';
import { ScriptedHost, type ScriptedHostOptions } from './scripted-host.ts';

/** For tests of the guest: a process with one of everything. */
export interface Scenario {
  readonly host: ScriptedHost;
  readonly driver: KmtDriver;
  readonly process: KmtProcess;
  readonly adapter: number;
  readonly device: number;
}

/** Eight bytes of private data that ask the scripted host for an allocation of that many bytes. */
export function sizeData(sizeBytes: number): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, BigInt(sizeBytes), true);
  return data;
}

/** A driver on a scripted host, a process with the first adapter open, and a device. */
export async function startScenario(options: ScriptedHostOptions = {}): Promise<Scenario> {
  const host = new ScriptedHost(options);
  const driver = await startDriver(host);
  const process = await driver.openDevice({ pid: 4242, comm: 'scenario' });
  const { adapters } = unwrap(await process.enumAdapters3({ filter: 1n, adapterCount: 8 }));
  const adapter = adapters[0]!.adapterHandle;
  const { device } = unwrap(await process.createDevice({ adapter }));
  return { host, driver, process, adapter, device };
}

export interface Queues {
  readonly context: number;
  readonly hwQueue: number;
  readonly pagingQueue: number;
  readonly fence: number;
  readonly allocation: number;
}

/** A context with a hardware queue, a paging queue, a monitored fence and an allocation of two pages. */
export async function makeQueues({ device, process }: Scenario): Promise<Queues> {
  const { context } = unwrap(await process.createContextVirtual({ device }));
  const { queue: hwQueue } = unwrap(await process.createHwQueue({ context }));
  const { pagingQueue } = unwrap(await process.createPagingQueue({ device }));
  const { syncObject: fence } = unwrap(
    await process.createSynchronizationObject2({ device, info: { type: 5 } }),
  );
  const made = await process.createAllocation({ device, allocationInfo: [{ privDrvData: sizeData(8192) }] });
  return { context, hwQueue, pagingQueue, fence, allocation: unwrap(made).allocationInfo[0]!.allocation };
}
