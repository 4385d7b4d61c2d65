import type { AdapterSummary, KmtDriver, KmtProcess } from '@dxgwire/guest/kmt';
import { AdapterType, Feature, MemorySegmentGroup, QueryAdapterInfoType } from '@dxgwire/protocol';
import { type AdapterCaps, decodeAdapterCaps } from '@dxgwire/protocol/blobs';

/** What a guest can find out about an adapter by the D3DKMT calls. */
export interface AdapterReport {
  readonly description: string;
  readonly instanceId: string;
  readonly driverVersion: string;
  readonly state: string;
  /** High and low half, 8 hex digits each. */
  readonly luid: string;
  readonly hostLuid: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly softwareDevice: boolean;
  readonly computeOnly: boolean;
  readonly interfaceVersion: number;
  readonly memory: readonly MemoryReport[];
  readonly nodes: readonly NodeReport[];
  /** Our additions to the command set that this adapter has. */
  readonly additions: readonly string[];
  /** What its WebGPU device can do; null where there is none behind it. */
  readonly webgpu: Omit<AdapterCaps, 'version'> | null;
}

export interface MemoryReport {
  readonly group: 'local' | 'non-local';
  readonly sizeBytes: number;
  readonly budgetBytes: number;
  readonly usageBytes: number;
}

export interface NodeReport {
  readonly kind: string;
  readonly name: string;
  /** Ticks a second of its time stamps; 0 when it does not say. */
  readonly clockHz: number;
}

/** DXGK_ENGINE_TYPE of d3dkmdt.h. */
const ENGINE_KINDS = [
  'other',
  '3d',
  'video decode',
  'video encode',
  'video processing',
  'scene assembly',
  'copy',
];
/** Room for a user-mode driver's private data, bytes. */
const CAPS_BYTES = 65_536;
/** D3DKMT_ADAPTERREGISTRYINFO: four strings of 260 UTF-16 units; the second is the BIOS or driver version. */
const REGISTRY_BYTES = 4 * 260 * 2;
const REGISTRY_VERSION_OFFSET = 260 * 2;
const MAX_NODES = 64;

/** Asks about an adapter. What the host does not answer is left at zero. */
export async function reportAdapter(
  driver: KmtDriver,
  process: KmtProcess,
  summary: AdapterSummary,
): Promise<AdapterReport> {
  const { luid } = summary;
  const opened = await process.openAdapterFromLuid({ adapterLuid: luid });
  const adapter = opened.adapterHandle;
  const ask = async (type: number, lengthBytes: number, argument = 0): Promise<DataView | null> => {
    const privateData = new Uint8Array(lengthBytes);
    if (lengthBytes >= 4) new DataView(privateData.buffer).setUint32(0, argument, true);
    const answer = await process.queryAdapterInfo({ adapter, type, privateData });
    if (answer.ret !== 0) return null;
    const { buffer, byteOffset, byteLength } = answer.privateData;
    return new DataView(buffer, byteOffset, byteLength);
  };
  const ids = await ask(QueryAdapterInfoType.physicalAdapterDeviceIds, 28);
  const kind = await ask(QueryAdapterInfoType.adapterType, 4);
  const registry = await ask(QueryAdapterInfoType.adapterRegistryInfo, REGISTRY_BYTES);
  const report: AdapterReport = {
    description: summary.description,
    instanceId: summary.instanceId,
    driverVersion: registry === null ? '' : readText(registry, REGISTRY_VERSION_OFFSET),
    state: summary.state,
    luid: formatLuid(luid),
    hostLuid: formatLuid(summary.hostAdapterLuid),
    vendorId: ids?.getUint32(4, true) ?? 0,
    deviceId: ids?.getUint32(8, true) ?? 0,
    softwareDevice: ((kind?.getUint32(0, true) ?? 0) & AdapterType.softwareDevice) !== 0,
    computeOnly: summary.isComputeOnly,
    interfaceVersion: driver.interfaceVersion,
    memory: await reportMemory(process, adapter, await ask(QueryAdapterInfoType.segmentGroupSizes, 56)),
    nodes: await reportNodes(process, adapter, (index) => ask(QueryAdapterInfoType.nodeMetadata, 80, index)),
    additions: await reportAdditions(process, adapter),
    webgpu: readCaps(await ask(QueryAdapterInfoType.umDriverPrivate, CAPS_BYTES)),
  };
  await process.closeAdapter({ adapterHandle: adapter });
  return report;
}

async function reportMemory(
  process: KmtProcess,
  adapter: number,
  sizes: DataView | null,
): Promise<MemoryReport[]> {
  const groups = [
    { group: 'local', memorySegmentGroup: MemorySegmentGroup.local, sizeOffset: 32 },
    { group: 'non-local', memorySegmentGroup: MemorySegmentGroup.nonLocal, sizeOffset: 40 },
  ] as const;
  const reports: MemoryReport[] = [];
  for (const { group, memorySegmentGroup, sizeOffset } of groups) {
    const info = await process.queryVideoMemoryInfo({ adapter, memorySegmentGroup });
    if (info.ret !== 0) continue;
    reports.push({
      group,
      sizeBytes: Number(sizes?.getBigUint64(sizeOffset, true) ?? 0n),
      budgetBytes: Number(info.budget),
      usageBytes: Number(info.currentUsage),
    });
  }
  return reports;
}

/** Nodes are numbered from 0; the first number that is refused ends the list. */
async function reportNodes(
  process: KmtProcess,
  adapter: number,
  ask: (index: number) => Promise<DataView | null>,
): Promise<NodeReport[]> {
  const nodes: NodeReport[] = [];
  for (let index = 0; index < MAX_NODES; index++) {
    const metadata = await ask(index);
    if (metadata === null) break;
    const clock = await process.queryClockCalibration({ adapter, nodeOrdinal: index });
    nodes.push({
      kind: ENGINE_KINDS[metadata.getUint32(4, true)] ?? 'other',
      name: readText(metadata, 8),
      clockHz: clock.ret === 0 ? Number(clock.gpuFrequency) : 0,
    });
  }
  return nodes;
}

async function reportAdditions(process: KmtProcess, adapter: number): Promise<string[]> {
  const additions = {
    'WebGPU command stream': Feature.webgpuCommandStream,
    'allocations resident from creation': Feature.createResident,
    'creation without waiting': Feature.pipelinedCreation,
    'answers without waiting again': Feature.returnEvents,
  };
  const enabled: string[] = [];
  for (const [name, featureId] of Object.entries(additions)) {
    const answer = await process.isFeatureEnabled({ adapter, featureId });
    if (answer.ret === 0 && answer.enabled) enabled.push(name);
  }
  return enabled;
}

/** The answer is a length and then the capabilities; a driver other than ours says something else, or nothing. */
function readCaps(answer: DataView | null): Omit<AdapterCaps, 'version'> | null {
  const length = answer?.getUint32(0, true) ?? 0;
  if (answer === null || length === 0 || length > answer.byteLength - 4) return null;
  try {
    const { version: _, ...caps } = decodeAdapterCaps(
      new Uint8Array(answer.buffer, answer.byteOffset + 4, length),
    );
    return caps;
  } catch {
    return null;
  }
}

/** UTF-16 units up to a zero. */
function readText(view: DataView, offset: number): string {
  let text = '';
  for (let at = offset; at + 1 < view.byteLength; at += 2) {
    const unit = view.getUint16(at, true);
    if (unit === 0) break;
    text += String.fromCharCode(unit);
  }
  return text;
}

function formatLuid({ low, high }: { readonly low: number; readonly high: number }): string {
  const hex = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
  return `${hex(high)}:${hex(low)}`;
}
