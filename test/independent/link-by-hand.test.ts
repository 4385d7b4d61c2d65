import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listen } from '@dxgwire/transport/listen';
import protobuf from 'protobufjs';
import WebSocket from 'ws';

/** A guest written from docs/link-protocol.md and dxgwire-link.proto alone: nothing of ours is in it. */

const schema = fileURLToPath(import.meta.resolve('@dxgwire/transport/dxgwire-link.proto'));
const LinkMessage = protobuf.loadSync(schema).lookupType('dxgwire.link.LinkMessage');
type Body = Record<string, unknown>;
const Kind = { control: 1, window: 2, read: 3, memory: 4, ping: 5, pong: 6, confirm: 7 } as const;

interface Frame {
  readonly channel: number;
  readonly kind: number;
  readonly id: bigint;
  readonly flags: number;
  readonly payload: Buffer;
}

class HandMadeGuest {
  readonly socket: WebSocket;
  /** Bytes of the host's frames so far, as sessions count them. */
  received = 0;
  readonly #frames: Frame[] = [];
  #rest = Buffer.alloc(0);

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(url, 'dxgwire', { headers });
    this.socket.on('message', (data: Buffer) => this.#take(data));
  }

  #take(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 24 && this.#rest.length >= this.#rest.readUInt32LE(0)) {
      const size = this.#rest.readUInt32LE(0);
      const frame: Frame = {
        channel: this.#rest.readUInt16LE(4),
        kind: this.#rest.readUInt16LE(6),
        id: this.#rest.readBigUInt64LE(8),
        flags: this.#rest.readUInt32LE(20),
        payload: this.#rest.subarray(24, 24 + this.#rest.readUInt32LE(16)),
      };
      this.#rest = this.#rest.subarray(size);
      const isGreeting = frame.channel === 0 && frame.kind === Kind.control && 'welcome' in decode(frame);
      const isUrgent = frame.channel === 0 && frame.kind >= Kind.ping;
      if (!isGreeting && !isUrgent) this.received += size;
      this.#frames.push(frame);
    }
  }

  send(channel: number, kind: number, id: bigint, payload: Uint8Array, flags = 0): number {
    const frame = Buffer.alloc(24 + Math.ceil(payload.length / 8) * 8);
    frame.writeUInt32LE(frame.length, 0);
    frame.writeUInt16LE(channel, 4);
    frame.writeUInt16LE(kind, 6);
    frame.writeBigUInt64LE(id, 8);
    frame.writeUInt32LE(payload.length, 16);
    frame.writeUInt32LE(flags, 20);
    frame.set(payload, 24);
    this.socket.send(frame);
    return frame.length;
  }

  say(body: Body): number {
    return this.send(0, Kind.control, 0n, LinkMessage.encode(LinkMessage.fromObject(body)).finish());
  }

  /** The next frame, pings and confirmations of the host's apart. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame === undefined) await once(this.socket, 'message');
      else if (frame.channel !== 0 || frame.kind < Kind.ping) return frame;
    }
  }

  async heard(): Promise<Body> {
    return decode(await this.next());
  }
}

function decode(frame: Frame): Body {
  assert.equal(frame.kind, Kind.control);
  return LinkMessage.toObject(LinkMessage.decode(frame.payload), { defaults: false }) as Body;
}

async function greet(url: string, hello: Body, headers: Record<string, string> = {}) {
  const guest = new HandMadeGuest(url, headers);
  await once(guest.socket, 'open');
  guest.say({ hello: { minVersion: 1, maxVersion: 1, name: 'by hand', ...hello } });
  return { guest, answer: await guest.heard() };
}

async function bye({ guest }: { guest: HandMadeGuest }): Promise<void> {
  guest.say({ close: {} });
  assert.deepEqual(await guest.heard(), { close: {} });
  await once(guest.socket, 'close');
}

function serve(seen: string[] = []) {
  return listen('ws://127.0.0.1:0', {
    token: 'secret',
    onBus: (host) => {
      host.onChannelOpen = (channel) => {
        channel.onPacket = ({ idLow, bytes, offset, length }) => {
          const text = new TextDecoder().decode(bytes.slice(offset, offset + length));
          if (text === 'memory') {
            host.memory.fetch(0x20000, 5).then(() => {
              seen.push(new TextDecoder().decode(host.memory.view(0x20000, 5)));
              channel.send(11, idLow, 0, 0, bytes, 0, 0);
            });
            return;
          }
          seen.push(text);
          host.window.storeU64(64, 7, 0);
          channel.send(11, idLow, 0, 0, new TextEncoder().encode(`${text}!`), 0, text.length + 1);
        };
      };
      host.offer({ classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 0 });
      host.start();
    },
  });
}

describe('a guest written from the page about the link protocol', () => {
  it('is let in, exchanges packets and memory, and goes on after a broken connection', async () => {
    const seen: string[] = [];
    const listener = await serve(seen);
    const met = await greet(listener.url, { token: 'secret', features: ['resume', 'what nobody knows'] });
    const welcome = met.answer['welcome'] as { session: string; offers: { channel: number }[] } & Body;
    assert.equal(welcome['codec'], 'packed');
    assert.deepEqual(welcome['features'], ['resume']);
    const channel = welcome.offers[0]!.channel;
    let sent = met.guest.say({ channelOpen: { channel } });
    assert.deepEqual(await met.guest.heard(), { channelOpened: { channel } });
    sent += met.guest.send(channel, 6, 5n, Buffer.from('ping'), 1);
    const window = await met.guest.next();
    assert.deepEqual([window.kind, window.id, window.payload.readBigUInt64LE()], [Kind.window, 64n, 7n]);
    const completion = await met.guest.next();
    assert.deepEqual([completion.kind, completion.id, completion.payload.toString()], [11, 5n, 'ping!']);
    met.guest.socket.terminate();
    const { session } = welcome;
    const hello = { token: 'secret', features: ['resume'], session, receivedLow: met.guest.received };
    const again = await greet(listener.url, hello);
    const back = again.answer['welcome'] as Body;
    assert.deepEqual([back['isResumed'], back['session'], back['receivedLow']], [1, session, sent]);
    const { guest } = again;
    guest.say({ memoryBlock: { pageLow: 0x10, pages: 32 } });
    guest.send(0, Kind.memory, 0x20000n, Buffer.from('other'));
    guest.send(channel, 6, 6n, Buffer.from('memory'), 1);
    const read = await guest.next();
    assert.deepEqual([read.kind, read.id, read.payload.readBigUInt64LE()], [Kind.read, 0x20000n, 5n]);
    guest.send(0, Kind.memory, 0x20000n, Buffer.from('by '), 2);
    guest.send(0, Kind.memory, 0x20003n, Buffer.from('me'), 2 | 4);
    assert.equal((await guest.next()).id, 6n);
    assert.deepEqual(seen, ['ping', 'by me']);
    await bye(again);
    await listener.close();
  });

  it('may bring its token in a header, and meets refusals by name', async () => {
    const listener = await serve();
    await bye(await greet(listener.url, {}, { authorization: 'Bearer secret' }));
    const refused = async (hello: Body, code: string) => {
      const { answer } = await greet(listener.url, hello);
      assert.equal((answer['refused'] as Body)['code'], code, JSON.stringify(answer));
    };
    await refused({}, 'refused');
    await refused({ token: 'secrets' }, 'refused');
    await refused({ token: 'secret', minVersion: 2, maxVersion: 9 }, 'version-mismatch');
    await refused({ token: 'secret', codecs: ['morse'] }, 'version-mismatch');
    await refused({ token: 'secret', session: 'somebody', receivedLow: 1 }, 'refused');
    await bye(await greet(listener.url, { token: 'secret', minVersion: 0, maxVersion: 9 }));
    await listener.close();
  });
});
