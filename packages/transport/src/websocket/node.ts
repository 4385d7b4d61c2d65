export type { WebSocketConnectOptions } from './address.ts';
export { connectWebSocket, type NodeWebSocketConnectOptions } from './connect.ts';
export {
  type Attachment,
  attachWebSocket,
  DEFAULT_PORT,
  type HostLinkSettings,
  type Listener,
  type ListenWebSocketOptions,
  listenWebSocket,
} from './listen.ts';
