/**
 * Time as the managers see it. Injected, so that every time-out can be tested without waiting and the whole
 * host can run in a browser.
 */
export interface HostClock {
  /** Milliseconds from an arbitrary start; never goes back. */
  nowMs(): number;
  /** Calls `callback` once after at least `delayMs`. @returns a function that cancels it. */
  setTimer(delayMs: number, callback: () => void): () => void;
}
