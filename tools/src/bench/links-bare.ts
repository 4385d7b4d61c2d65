import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { Answers, BULK_BYTES, PAYLOAD_BYTES } from './bus-echo.ts';

/** Bulk data on a bare medium goes in writes of this size. */
const PIECE_BYTES = 256 * 1024;
/** Bytes given to a bare medium and not yet gone after which no more is given: as our own media do it. */
const MOST_UNSENT_BYTES = 1 << 20;

/** What the links suite does with a medium. */
export interface LinkEndpoint {
  /** `count` calls of {@link PAYLOAD_BYTES}, `inFlight` of them at a time. */
  calls(count: number, inFlight: number): Promise<void>;
  /** {@link BULK_BYTES} one way; resolves when the other side says that it has all of it. */
  bulk(): Promise<void>;
  close(): Promise<void>;
}

interface Bare {
  /** `done` is called when the bytes are gone. */
  send(bytes: Uint8Array, done?: () => void): void;
  close(): Promise<void>;
}

type Dial = (url: string, received: (length: number) => void) => Promise<Bare>;

const dialSocket: Dial = async (url, received) => {
  const [, path, port] = /^unix:(.*)|^tcp:.*:(\d+)$/.exec(url) ?? [];
  const socket: Socket =
    path === undefined
      ? createConnection({ host: '127.0.0.1', port: Number(port), noDelay: true })
      : createConnection(path);
  await once(socket, 'connect');
  socket.on('data', (bytes: Buffer) => received(bytes.length));
  return {
    send: (bytes, done) => socket.write(bytes, done),
    async close() {
      socket.destroy();
      await once(socket, 'close');
    },
  };
};

const dialWebSocket: Dial = async (url, received) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.on('message', (bytes: Buffer) => received(bytes.length));
  return {
    send: (bytes, done) => socket.send(bytes, done),
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
};

/** Sends bytes in pieces, with no more unsent than our own media allow. */
export async function sendBulk(bare: Pick<Bare, 'send'>, source: Uint8Array): Promise<void> {
  let left = source.length;
  let unsent = 0;
  await new Promise<void>((resolve) => {
    const more = () => {
      while (left > 0 && unsent < MOST_UNSENT_BYTES) {
        const length = Math.min(left, PIECE_BYTES);
        const at = source.length - left;
        left -= length;
        unsent += length;
        bare.send(source.subarray(at, at + length), () => {
          unsent -= length;
          if (left > 0) more();
        });
      }
      if (left === 0) resolve();
    };
    more();
  });
}

/** The bare medium: one connection that echoes, one that takes bulk data. A message each for the calls. */
export async function bareEndpoint(url: string): Promise<LinkEndpoint> {
  const dial = url.startsWith('ws:') ? dialWebSocket : dialSocket;
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const source = new Uint8Array(BULK_BYTES).fill(7);
  const answers = new Answers();
  const bulkAnswers = new Answers();
  let received = 0;
  const echo = await dial(url, (length) => {
    received += length;
    for (; received >= PAYLOAD_BYTES; received -= PAYLOAD_BYTES) answers.arrived();
  });
  const bulk = await dial(url, () => bulkAnswers.arrived());
  echo.send(Buffer.from('e'));
  bulk.send(Buffer.from('b'));
  await settle(echo, answers, payload);
  return {
    calls: (count, inFlight) => runCalls(answers, count, inFlight, () => echo.send(payload)),
    async bulk() {
      const answer = bulkAnswers.expect(1);
      await sendBulk(bulk, source);
      await answer;
    },
    async close() {
      await echo.close();
      await bulk.close();
    },
  };
}

/** The first byte must not share a read with what comes after it: waits until the other side has taken it. */
async function settle(echo: Bare, answers: Answers, payload: Uint8Array): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  const answer = answers.expect(1);
  echo.send(payload);
  await answer;
}

/** Keeps `inFlight` calls under way until `count` are answered. */
export async function runCalls(
  answers: Answers,
  count: number,
  inFlight: number,
  send: () => void,
): Promise<void> {
  let left = count - Math.min(count, inFlight);
  answers.next = () => {
    if (left === 0) return;
    left -= 1;
    send();
  };
  const all = answers.expect(count);
  for (let i = 0; i < Math.min(count, inFlight); i += 1) send();
  await all;
}
