import { setImmediate } from './timers.ts';

/**
 * Runs a callback in a later turn of the event loop, after input and timers had their chance.
 * Node has `setImmediate`; a browser's message channel is the nearest thing that is not throttled.
 */
export const runNextTurn: (callback: () => void) => void = createRunNextTurn();

function createRunNextTurn(): (callback: () => void) => void {
  if (setImmediate !== undefined) return setImmediate;
  return (callback) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback();
    };
    port2.postMessage(null);
  };
}
