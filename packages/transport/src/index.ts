export {
  errorOfPeer,
  isTransportError,
  type PeerReason,
  reasonOf,
  TRANSPORT_ERROR_CODES,
  TransportError,
  type TransportErrorCode,
} from './errors.ts';
export { type AllocateRegion, allocatePlainRegion, type Region } from './region.ts';
export * from './transport.ts';
