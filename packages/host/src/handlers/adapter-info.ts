import { AdapterType, PciConfig, QueryAdapterInfoType as Type } from '@dxgwire/protocol';
import type { NodeDescription, SegmentDescription } from '../backends/contract.ts';
import type { VirtualGpu } from '../virtual-gpu.ts';

/**
 * Answers of QueryAdapterInfo. Layouts are those of Microsoft's public d3dkmthk.h; strings are UTF-16 units, filled up
 * with zeros. The guest's buffer comes in with what the caller put there, which some types read.
 */

/** KMT_DRIVERVERSION_WDDM_2_7: explicit residency, monitored fences, GPU virtual addresses, hardware queues. */
const WDDM_2_7 = 2700;
/** D3DKMT_WDDM_2_7_CAPS: hardware scheduling supported, enabled, and so by default. */
const HARDWARE_SCHEDULING_CAPS = 0b111;
/** D3DKMT_UMDFILENAMEINFO's file name and D3DKMT_ADAPTERREGISTRYINFO's strings, units. */
const PATH_UNITS = 260;
const DESCRIPTION_UNITS = 4096;
const NODE_NAME_UNITS = 32;
/** The user-mode driver that goes with this host. */
const USER_MODE_DRIVER = 'dxgwire';
/** D3DDDI_QUERYREGISTRY_INFO: offsets of its results, and D3DDDI_QUERYREGISTRY_STATUS_FAIL. */
const REGISTRY_OUTPUT_SIZE_OFFSET = 536;
const REGISTRY_STATUS_OFFSET = 540;
const REGISTRY_INFO_BYTES = 552;
const REGISTRY_STATUS_FAIL = 2;
/** DXGK_ENGINE_TYPE. */
const ENGINE_TYPES: Readonly<Record<NodeDescription['kind'], number>> = {
  '3d': 1,
  compute: 0,
  copy: 6,
  other: 0,
};

/** Writes an answer into the guest's buffer. @returns false when an argument in it is out of range. */
type Answer = (gpu: VirtualGpu, view: DataView) => boolean;

interface InfoType {
  /** Bytes that the answer takes at least. */
  readonly bytes: number;
  readonly answer: Answer;
}

function writeText(view: DataView, offset: number, units: number, text: string): void {
  for (let i = 0; i < units; i += 1) {
    const unit = i < units - 1 && i < text.length ? text.charCodeAt(i) : 0;
    view.setUint16(offset + 2 * i, unit, true);
  }
}

function groupBytes(segments: readonly SegmentDescription[], group: SegmentDescription['group']): bigint {
  let total = 0;
  for (const segment of segments) if (segment.group === group) total += segment.lengthBytes;
  return BigInt(total);
}

/** D3DKMT_SEGMENTSIZEINFO: dedicated video memory, dedicated system memory, shared system memory. */
function writeSegmentSizes(gpu: VirtualGpu, view: DataView, offset: number): void {
  const { segments } = gpu.description;
  view.setBigUint64(offset, groupBytes(segments, 'local'), true);
  view.setBigUint64(offset + 8, 0n, true);
  view.setBigUint64(offset + 16, groupBytes(segments, 'non-local'), true);
}

const answers: Readonly<Record<number, InfoType>> = {
  [Type.umDriverPrivate]: {
    // The length, then the capabilities; only the length when they do not fit.
    bytes: 4,
    answer(gpu, view) {
      const { userModeCaps } = gpu.description;
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      bytes.fill(0);
      view.setUint32(0, userModeCaps.length, true);
      if (userModeCaps.length + 4 <= bytes.length) bytes.set(userModeCaps, 4);
      return true;
    },
  },
  [Type.umDriverFileName]: {
    bytes: 4 + 2 * PATH_UNITS,
    answer(_gpu, view) {
      writeText(view, 4, PATH_UNITS, USER_MODE_DRIVER);
      return true;
    },
  },
  [Type.segmentSizes]: {
    bytes: 24,
    answer(gpu, view) {
      writeSegmentSizes(gpu, view, 0);
      return true;
    },
  },
  [Type.adapterAddress]: {
    // Bus, device and function of a virtual GPU: one function each on a bus of their own.
    bytes: 12,
    answer(gpu, view) {
      view.setUint32(0, 0, true);
      view.setUint32(4, gpu.identity.index, true);
      view.setUint32(8, 0, true);
      return true;
    },
  },
  [Type.adapterRegistryInfo]: {
    bytes: 4 * 2 * PATH_UNITS,
    answer(gpu, view) {
      const { description, driverVersion } = gpu.description;
      [description, driverVersion, '', description].forEach((text, index) => {
        writeText(view, index * 2 * PATH_UNITS, PATH_UNITS, text);
      });
      return true;
    },
  },
  [Type.virtualAddressInfo]: {
    bytes: 4,
    answer(_gpu, view) {
      // Bit 0: GPU virtual addresses are supported.
      view.setUint32(0, 1, true);
      return true;
    },
  },
  [Type.driverVersion]: {
    bytes: 4,
    answer(_gpu, view) {
      view.setUint32(0, WDDM_2_7, true);
      return true;
    },
  },
  [Type.adapterType]: { bytes: 4, answer: writeAdapterType },
  [Type.adapterTypeRender]: { bytes: 4, answer: writeAdapterType },
  [Type.nodeMetadata]: {
    // In: node ordinal, and adapter index in the upper half. Out: engine type, name, flags, MMU kinds.
    bytes: 80,
    answer(gpu, view) {
      const node = gpu.description.nodes[view.getUint16(0, true)];
      if (node === undefined || view.getUint16(2, true) !== 0) return false;
      view.setUint32(4, ENGINE_TYPES[node.kind], true);
      writeText(view, 8, NODE_NAME_UNITS, node.name);
      view.setUint32(72, 0, true);
      view.setUint32(76, 1, true);
      return true;
    },
  },
  [Type.physicalAdapterCount]: {
    bytes: 4,
    answer(_gpu, view) {
      view.setUint32(0, 1, true);
      return true;
    },
  },
  [Type.physicalAdapterDeviceIds]: {
    // In: index of the physical adapter. Out: vendor, device, subsystem vendor, subsystem, revision, bus type.
    bytes: 28,
    answer(gpu, view) {
      if (view.getUint32(0, true) !== 0) return false;
      const { vendorId, deviceId } = gpu.description;
      [vendorId, deviceId, PciConfig.vendorId, 0, 0, 0].forEach((id, index) => {
        view.setUint32(4 + 4 * index, id, true);
      });
      return true;
    },
  },
  [Type.segmentGroupSizes]: {
    // In: index of the physical adapter. Out: sizes as of old, then local, non-local, not budgeted.
    bytes: 56,
    answer(gpu, view) {
      if (view.getUint32(0, true) !== 0) return false;
      const { segments } = gpu.description;
      writeSegmentSizes(gpu, view, 8);
      view.setBigUint64(32, groupBytes(segments, 'local'), true);
      view.setBigUint64(40, groupBytes(segments, 'non-local'), true);
      view.setBigUint64(48, 0n, true);
      return true;
    },
  },
  [Type.queryRegistry]: {
    // There is no registry behind this adapter: no value is found, whatever its name.
    bytes: REGISTRY_INFO_BYTES,
    answer(_gpu, view) {
      view.setUint32(REGISTRY_OUTPUT_SIZE_OFFSET, 0, true);
      view.setUint32(REGISTRY_STATUS_OFFSET, REGISTRY_STATUS_FAIL, true);
      return true;
    },
  },
  [Type.driverDescription]: { bytes: 2 * DESCRIPTION_UNITS, answer: writeDescription },
  [Type.driverDescriptionRender]: { bytes: 2 * DESCRIPTION_UNITS, answer: writeDescription },
  [Type.wddm27Caps]: {
    bytes: 4,
    answer(_gpu, view) {
      view.setUint32(0, HARDWARE_SCHEDULING_CAPS, true);
      return true;
    },
  },
};

function writeAdapterType(gpu: VirtualGpu, view: DataView): boolean {
  const { softwareDevice, computeOnly } = gpu.description;
  const bits =
    AdapterType.renderSupported |
    AdapterType.paravirtualized |
    (softwareDevice ? AdapterType.softwareDevice : 0) |
    (computeOnly ? AdapterType.computeOnly : 0);
  view.setUint32(0, bits, true);
  return true;
}

function writeDescription(gpu: VirtualGpu, view: DataView): boolean {
  writeText(view, 0, DESCRIPTION_UNITS, gpu.description.description);
  return true;
}

/**
 * Answers one query in place.
 *
 * @param data the guest's bytes: the answer replaces what it fills of them.
 * @returns `unknown` for a type that is not offered, `refused` when the buffer is too small or an argument wrong.
 */
export function answerAdapterInfo(
  gpu: VirtualGpu,
  type: number,
  data: Uint8Array,
): 'done' | 'unknown' | 'refused' {
  const info = answers[type];
  if (info === undefined) return 'unknown';
  if (data.length < info.bytes) return 'refused';
  return info.answer(gpu, new DataView(data.buffer, data.byteOffset, data.length)) ? 'done' : 'refused';
}
