import type { GuestBus } from '@dxgwire/transport';

/** What a link may need beside its URL. */
export interface LinkOptions {
  /** Proves to the host that this guest may connect. */
  readonly token?: string;
  /** How the guest calls itself, for the host's logs. */
  readonly name?: string;
}

interface ConnectModule {
  connect(url: string, options?: LinkOptions): Promise<GuestBus>;
}

/**
 * Makes the bus for a URL: in Node through the transport package's table of schemes, elsewhere over the platform's
 * WebSocket. The table is loaded at run time only, so that a browser bundle has nothing of Node in it.
 */
export async function connectUrl(url: string, options: LinkOptions): Promise<GuestBus> {
  if (isNode()) {
    const table = '@dxgwire/transport/connect';
    const { connect } = (await import(table)) as ConnectModule;
    return connect(url, options);
  }
  const { connectWebSocket } = await import('@dxgwire/transport/websocket');
  return connectWebSocket(url, options);
}

function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}
