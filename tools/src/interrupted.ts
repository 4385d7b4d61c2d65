/** Exit code of a run that Ctrl-C ended: what a shell says of SIGINT. */
export const INTERRUPTED_EXIT_CODE = 130;

/** One Ctrl-C may come twice: from the terminal, and from the program that started this one. */
const SAME_MS = 1000;

/** Hears Ctrl-C, so that a run can tell what it has done. Another one, a second later, ends the process the hard way. */
export class Interruption {
  /** Resolves at the first one. */
  readonly first: Promise<void>;
  #sinceMs: number | null = null;

  constructor() {
    this.first = new Promise((resolve) => {
      process.on('SIGINT', () => {
        if (this.#sinceMs === null) {
          this.#sinceMs = performance.now();
          resolve();
        } else if (performance.now() - this.#sinceMs > SAME_MS) process.exit(INTERRUPTED_EXIT_CODE);
      });
    });
  }

  /** Known between turns of the event loop only. */
  get hasCome(): boolean {
    return this.#sinceMs !== null;
  }
}
