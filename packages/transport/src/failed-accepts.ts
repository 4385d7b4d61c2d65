import type { EventEmitter } from 'node:events';

/**
 * A server that listens tells as an error that it could not take a connection: this process may open no more files, say.
 * That connection is lost, and whoever made it sees so. The host goes on; without a listener the event would end it.
 */
export function outliveFailedAccepts(server: EventEmitter): void {
  server.on('error', () => {});
}
