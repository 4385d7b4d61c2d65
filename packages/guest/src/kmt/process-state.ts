import type { Adapter } from './adapter.ts';
import type { KmtDriver } from './driver.ts';
import { AdapterHandleTable, HandleTable } from './handle-table.ts';
import type { Device } from './objects.ts';

/** What one process has of one adapter: how often it opened it, and its devices. */
export class ProcessAdapter {
  readonly adapter: Adapter;
  readonly process: ProcessState;
  openCount = 0;
  /** In order of creation; devices whose creation failed stay in it. */
  readonly devices = new Set<Device>();

  constructor(adapter: Adapter, process: ProcessState) {
    this.adapter = adapter;
    this.process = process;
  }
}

/** A process of the guest: a thread group that has the device file open. */
export class ProcessState {
  readonly driver: KmtDriver;
  readonly pid: number;
  /** The host's handle: in the header of what the process sends. */
  readonly hostHandle: number;
  /** Open files of the device by this process. */
  openFiles = 1;
  readonly handles = new HandleTable();
  readonly adapterHandles = new AdapterHandleTable();
  /** In the order of the first opens. */
  readonly adapters: ProcessAdapter[] = [];

  constructor(driver: KmtDriver, pid: number, hostHandle: number) {
    this.driver = driver;
    this.pid = pid;
    this.hostHandle = hostHandle;
  }

  /** Opens an adapter for the process. @returns its new handle. */
  openAdapter(adapter: Adapter): number {
    let entry = this.adapters.find((candidate) => candidate.adapter === adapter);
    if (entry === undefined) {
      entry = new ProcessAdapter(adapter, this);
      this.adapters.push(entry);
      adapter.processes.push(entry);
    }
    entry.openCount += 1;
    return this.adapterHandles.allocate(adapter);
  }

  /** Forgets one open. @returns the entry when it was the last open of that adapter, else null. */
  closeAdapter(adapter: Adapter): ProcessAdapter | null {
    const entry = this.adapters.find((candidate) => candidate.adapter === adapter);
    if (entry === undefined) return null;
    entry.openCount -= 1;
    if (entry.openCount > 0) return null;
    this.forgetAdapter(entry);
    return entry;
  }

  /** Takes an adapter out of the process's and the adapter's lists. */
  forgetAdapter(entry: ProcessAdapter): void {
    const index = this.adapters.indexOf(entry);
    if (index >= 0) this.adapters.splice(index, 1);
    const position = entry.adapter.processes.indexOf(entry);
    if (position >= 0) entry.adapter.processes.splice(position, 1);
  }

  /** The device that a context, queue or paging queue belongs to; null when the handle or the device is gone. */
  deviceOf(handle: number, kind: 'context' | 'pagingQueue' | 'hwQueue'): Device | null {
    const object = this.handles.get(handle, kind);
    if (object === null) return null;
    const device = 'device' in object ? object.device : object.context.device;
    return this.handles.get(device.handle, 'device') === device ? device : null;
  }
}
