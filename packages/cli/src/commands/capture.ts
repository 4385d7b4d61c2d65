import process from 'node:process';
import { isTransportError } from '@dxgwire/transport';
import { FrameTap } from '@dxgwire/transport/capture';
import { checkProxyUrls, type LinkProxy, proxyLink } from '@dxgwire/transport/capture/proxy';
import { CAPTURE_REPORTS, GuestCaptures } from '../capture-file.ts';
import { type Command, parseOptions } from '../command.ts';
import { CommandFailure, describe, ExitCode, UsageError } from '../errors.ts';
import { untilInterrupted } from '../interrupted.ts';

const OPTIONS = {
  listen: { type: 'string' },
  connect: { type: 'string' },
  'no-gaps': { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Longest frame of memory is far below: all published bytes are kept. */
const MAX_PUBLISHED_BYTES = 1 << 20;
const MAX_PENDING_BYTES = 64 << 20;

const HELP = `dxgwire capture: records what passes between guests and a host

Usage: dxgwire capture --listen URL --connect URL FILE

It stands between them and hands everything on unchanged. Messages, memory and times are recorded in FILE; the second
connection has FILE-2, and so on. See \`dxgwire decode\`, \`dxgwire replay\` and \`dxgwire export\`.

Options:
  --listen URL   where guests connect: ws:, tcp:, unix:, device: or stdio:. Port 0 takes a free one
  --connect URL  the host, by any of them or wss:, also another one; stdio:COMMAND starts a host for each guest
  --no-gaps      wait for the file rather than drop records that it does not keep up with
  --json         one line of JSON in place of text, once it listens
  --help         this text

A token that a guest gives passes through and is not recorded. Shared memory has no way between its ends: there,
\`dxgwire host --capture\` and \`dxgwire run --trace\` record.
`;

export const capture: Command = {
  name: 'capture',
  help: HELP,
  async run(args) {
    const { positionals, values } = parseOptions('capture', args, OPTIONS);
    if (values.help === true) {
      process.stdout.write(HELP);
      return ExitCode.success;
    }
    const { connect, listen } = values;
    const [path] = positionals;
    if (listen === undefined || connect === undefined || path === undefined || positionals.length > 1) {
      throw new UsageError(
        'capture needs --listen URL, --connect URL and one file; see `dxgwire capture --help`',
      );
    }
    try {
      // Before a file is made anew that may hold something.
      checkProxyUrls({ listen, connect });
    } catch (error) {
      throw new UsageError(describe(error), { cause: error });
    }
    const stop = untilInterrupted();
    const captures = await GuestCaptures.open(path, CAPTURE_REPORTS);
    const isWhole = values['no-gaps'] === true;
    let proxy: LinkProxy;
    try {
      proxy = await proxyLink({ listen, connect, onConnection: () => tapOf(captures, connect, isWhole) });
    } catch (error) {
      await captures.close();
      const isUsage = isTransportError(error) && error.code === 'bad-url';
      throw new (isUsage ? UsageError : CommandFailure)(describe(error), { cause: error });
    }
    captures.begin();
    const text = values.json === true ? JSON.stringify({ url: proxy.url }) : `listening on ${proxy.url}`;
    // Over standard input and output, that is where the link runs.
    const isTaken = [listen, connect].some((url) => /^stdio:(\/\/)?$/i.test(url));
    (isTaken ? process.stderr : process.stdout).write(`${text}\n`);
    await Promise.race([stop, proxy.ended ?? stop]);
    await proxy.close();
    await captures.close();
    return ExitCode.success;
  },
};

function tapOf(captures: GuestCaptures, connect: string, isWhole: boolean) {
  const { end, recorder } = captures.record({
    maxPublishedBytes: MAX_PUBLISHED_BYTES,
    maxPendingBytes: MAX_PENDING_BYTES,
    isWhole,
  });
  const scheme = /^[a-z]+/i.exec(connect)?.[0] ?? 'link';
  const tap = new FrameTap(recorder, scheme.startsWith('ws') ? 'websocket' : scheme);
  return {
    push: (direction: 'g2h' | 'h2g', bytes: Uint8Array) => tap.push(direction, bytes),
    end,
  };
}
