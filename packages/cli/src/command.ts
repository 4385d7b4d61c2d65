import process from 'node:process';
import { parseArgs } from 'node:util';
import { describe, UsageError } from './errors.ts';

/** One subcommand of `dxgwire`. Its module is loaded only when it is used. */
export interface Command {
  readonly name: string;
  /** What `--help` prints. */
  readonly help: string;
  /** @returns the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** Options of a command by their long names, as `parseArgs` takes them. */
export type Options = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string; readonly default?: string }>
>;

/** What was given: an option without a default may be missing. */
export type Values<T extends Options> = {
  readonly [K in keyof T]: T[K]['type'] extends 'boolean'
    ? boolean | undefined
    : T[K] extends { readonly default: string }
      ? string
      : string | undefined;
};

/**
 * `parseArgs` with errors in one line that name the command.
 *
 * @throws UsageError for an option that is unknown or lacks its value.
 */
export function parseOptions<const T extends Options>(
  command: string,
  args: readonly string[],
  options: T,
): { values: Values<T>; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as unknown as Values<T>, positionals };
  } catch (error) {
    // Node's message goes on with advice about '--' that does not fit here.
    const [first = ''] = describe(error).split(/\. To specify/);
    const [, ofNode] = /^Unknown option '(--[\w-]+)'/.exec(first) ?? [];
    if (command === 'run' && ofNode !== undefined && process.allowedNodeEnvironmentFlags.has(ofNode))
      throw new UsageError(`${ofNode} is an option of Node's: give it in NODE_OPTIONS`);
    throw new UsageError(`${first.replace(/\.$/, '')}; see \`dxgwire ${command} --help\``);
  }
}

/**
 * Splits a command line at the first word that is not an option (or an option's value): what comes before belongs
 * to the command, what follows to the program that it starts.
 */
export function splitAtProgram(
  args: readonly string[],
  options: Options,
): { own: readonly string[]; program: string | undefined; rest: readonly string[] } {
  const { tokens } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const first = tokens.find((token) => token.kind === 'positional' || token.kind === 'option-terminator');
  if (first === undefined) return { own: args, program: undefined, rest: [] };
  const at = first.kind === 'option-terminator' ? first.index + 1 : first.index;
  return { own: args.slice(0, first.index), program: args[at], rest: args.slice(at + 1) };
}

/**
 * A whole number given as an option.
 *
 * @throws UsageError when it is not one, or not within the limits.
 */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new UsageError(`--${name} takes a whole number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}

/**
 * One of a fixed set of words given as an option.
 *
 * @throws UsageError when it is none of them.
 */
export function oneOf<T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new UsageError(`--${name} takes ${words.join(', ')}, not "${text}"`);
  return found;
}
