/**
 * The platform's clock and timers as they are when this module is loaded. A program that uses a GPU may replace the
 * global ones later, as fake timers of test frameworks do, or may stop the clock to draw the same picture each time.
 * A GPU goes on all the same, so what runs beside a program takes them from here.
 */

const { performance, setImmediate: immediately } = globalThis as unknown as {
  readonly performance: { now(): number };
  readonly setImmediate?: (callback: () => void) => unknown;
};

/** Milliseconds from any fixed moment; never goes back. */
export const now: () => number = performance.now.bind(performance);

export const { clearTimeout, setInterval, clearInterval, queueMicrotask } = globalThis;

/**
 * The longest that a timer waits, milliseconds: some 25 days. One that is to wait longer, for ever perhaps,
 * would fire at once.
 */
export const MOST_TIMER_MS = 2 ** 31 - 1;

const { setTimeout: startTimer } = globalThis;

export const setTimeout: (callback: () => void, delayMs?: number) => ReturnType<typeof startTimer> = (
  callback,
  delayMs = 0,
) => startTimer(callback, Math.min(delayMs, MOST_TIMER_MS));

/**
 * Runs a callback in a later turn of the event loop, after input and timers had their chance.
 * Node has `setImmediate`; a browser's message channel is the nearest thing that is not throttled.
 */
export const runNextTurn: (callback: () => void) => void = createRunNextTurn();

function createRunNextTurn(): (callback: () => void) => void {
  if (immediately !== undefined) return immediately;
  return (callback) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      callback();
    };
    port2.postMessage(null);
  };
}
