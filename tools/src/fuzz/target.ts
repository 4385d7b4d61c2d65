/** A part under test. An input is bytes: the same bytes do the same thing, so that a file reproduces a failure. */
export interface FuzzTarget {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly summary: string;
  /** What an input is, for the printed rates. */
  readonly unit: string;
  /** Longest input that mutation makes, bytes. */
  readonly maxInputBytes: number;
  /** Inputs that reach far, made by the target itself. The files of the corpus come on top. */
  seeds(): readonly Uint8Array[];
  /**
   * Takes one input. The bytes may be changed and must not be kept. Throws for whatever must not happen; a refusal
   * that the part promises is no failure.
   */
  run(input: Uint8Array): Promise<void> | void;
  /** Brings the part back to its first state, after a failure and before an input is tried by itself. */
  reset?(): Promise<void>;
  /** Called after each input, its time not counted: housekeeping that is no answer to the input. */
  afterInput?(): Promise<void> | undefined;
  /** Called now and then and at the end: whatever must hold between inputs. Throws likewise. */
  check?(): Promise<void> | void;
  /** One line on what the run reached, printed at its end. */
  describe?(): string;
  close?(): Promise<void>;
}

/** Makes a target; the work of doing so is done only for those that run. */
export interface FuzzTargetEntry {
  readonly name: string;
  readonly summary: string;
  open(): Promise<FuzzTarget>;
  /** Inputs of a run that names neither inputs nor seconds. */
  readonly defaultInputs: number;
  /** Whether coverage guides it: parts in this process, and fast. */
  readonly isGuided: boolean;
  /** Targets whose inputs are inputs of this one, too. */
  readonly alsoCorpus?: readonly string[];
}
