export type { LinkHostSettings } from '../link/host-links.ts';
export { parseStreamUrl, type StreamAddress } from './address.ts';
export {
  connectOverStream,
  connectStream,
  connectToChild,
  type StreamConnectOptions,
} from './connect.ts';
export { attachHostStream, listenStream, type StreamListener } from './listen.ts';
export type { StreamPair } from './stream-medium.ts';
