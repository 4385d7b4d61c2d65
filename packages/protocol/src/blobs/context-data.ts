import { Packr } from 'msgpackr/pack';
import { ProtocolError } from '../errors.ts';
import { Members } from './members.ts';

/** Driver-private data of CreateContextVirtual for the webgpu backend: one context is one GPUDevice. */
export interface ContextData {
  readonly streamVersion: number;
  /** Runtime handle of the allocation that is the return ring, low and high half. */
  readonly returnRing: readonly [low: number, high: number];
  /** Handle of the monitored fence whose value is the number of bytes ever written to the ring. */
  readonly returnFence: number;
  /**
   * Handle of a CPU-notification object that is signalled behind each rise of the fence; only for a host with
   * `Feature.returnEvents`. Without it, the guest waits for the fence again and again.
   */
  readonly returnEvent?: number;
  /** For logs. */
  readonly label?: string;
}

const packr = new Packr({ useRecords: false, variableMapSize: true });

export function encodeContextBlob(data: ContextData): Uint8Array {
  return new Uint8Array(packr.pack(data));
}

/** @throws ProtocolError `bad-blob`. */
export function decodeContextBlob(bytes: Uint8Array): ContextData {
  if (bytes.length === 0) throw new ProtocolError('bad-blob', 'context data is empty');
  const members = Members.decode(bytes, 'context data');
  const label = members.optionalString('label');
  const returnEvent = members.optionalInteger('returnEvent', 0xffff_ffff);
  return {
    streamVersion: members.integer('streamVersion', 0xffff_ffff),
    returnRing: members.pair('returnRing'),
    returnFence: members.integer('returnFence', 0xffff_ffff),
    ...(returnEvent === undefined ? {} : { returnEvent }),
    ...(label === undefined ? {} : { label }),
  };
}
