import process from 'node:process';
import { type Command, parseOptions, wholeNumber } from '../command.ts';
import { ExitCode, UsageError } from '../errors.ts';
import { compareTraceFiles, formatComparison } from './trace-compare.ts';
import { readTrace } from './trace-file.ts';
import { formatTrace } from './trace-show.ts';

const OPTIONS = {
  limit: { type: 'string', default: '10' },
  name: { type: 'string' },
  fields: { type: 'boolean' },
  bytes: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const MOST_SHOWN = 1_000_000;

const HELP = `dxgwire trace: shows and compares recorded packets

Usage: dxgwire trace compare EXPECTED.jsonl ACTUAL.jsonl [options]
       dxgwire trace show FILE.jsonl [options]

compare holds what the guest of one trace sent against another: order, channels, transaction ids, lengths and
bytes. What EXPECTED marks as opaque (pointers) is left out; its cookies (ids and addresses that a guest may
choose) may have other values, always the same one for the same. Exit code 0: equal, 1: different, 2: it could
not be compared.

  --limit N      most packets that are shown; default 10
  --json         the differences as JSON

show prints a trace for people.

  --name NAME    packets of this command only
  --fields       with the fields of each packet
  --bytes        with the bytes of each packet
  --help         this text
`;

export const trace: Command = {
  name: 'trace',
  help: HELP,
  async run(args) {
    const { positionals, values } = parseOptions('trace', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const [action, ...files] = positionals;
    if (action === 'compare') {
      const limit = wholeNumber('limit', values.limit, 0, MOST_SHOWN);
      return compare(exactly(files, 2, 'compare EXPECTED ACTUAL'), limit, values.json === true);
    }
    if (action === 'show') {
      const [file = ''] = exactly(files, 1, 'show FILE');
      const options = { name: values.name, fields: values.fields === true, bytes: values.bytes === true };
      for (const text of formatTrace(readTrace(file), options)) process.stdout.write(text);
      return ExitCode.success;
    }
    const what = action === undefined ? '' : `, not "${action}"`;
    throw new UsageError(`trace takes compare or show${what}; see \`dxgwire trace --help\``);
  },
};

function exactly(files: readonly string[], count: number, usage: string): readonly string[] {
  if (files.length === count) return files;
  throw new UsageError(`\`dxgwire trace ${usage}\` takes ${count} files, not ${files.length}`);
}

function compare([expected = '', actual = '']: readonly string[], limit: number, json: boolean): number {
  const comparison = compareTraceFiles(readTrace(expected), readTrace(actual));
  const text = json
    ? `${JSON.stringify({ equal: comparison.differences.length === 0, ...comparison }, null, 2)}\n`
    : formatComparison(comparison, limit);
  process.stdout.write(text);
  return comparison.differences.length === 0 ? ExitCode.success : ExitCode.failure;
}
