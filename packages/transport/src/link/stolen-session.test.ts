import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connect } from '../connect.ts';
import { listen } from '../listen.ts';
import { PacketKind } from '../transport.ts';
import { FrameKind } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { decodeLinkMessage, encodeLinkMessage, type LinkMessageBody } from './messages.ts';
import { LinkOutput } from './output.ts';

const OFFER = { classGuid: new Uint8Array(16), instanceGuid: new Uint8Array(16), mmioMegabytes: 1 };
const TWO_32 = 0x1_0000_0000;

/** Hears the control messages in a stream of frames. */
function listener(heard: (type: string, body: object) => void): (bytes: Uint8Array) => void {
  const decoder = new FrameDecoder((_channel, kind, _low, _high, _flags, bytes, _view, offset, length) => {
    const message = kind === FrameKind.control ? decodeLinkMessage(bytes, offset, length) : null;
    if (message !== null) heard(message.type, message.body);
  });
  return (bytes) => decoder.push(bytes);
}

/** Somebody between guest and host who reads along: learns the session's name, which is what a thief would need. */
async function eavesdrop(port: number) {
  const known = { session: '' };
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1');
    sockets.push(near, far);
    const hear = listener((type, body) => {
      if (type === 'welcome') known.session = (body as LinkMessageBody<'welcome'>).session;
    });
    far.on('data', hear);
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as { port: number };
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: own, known, close };
}

/** Says hello as the session's guest would, and what came back. */
async function steal(port: number, session: string, token: string, received: number): Promise<string> {
  const socket = createConnection(port, '127.0.0.1');
  let said = '';
  const hear = listener((type, body) => {
    said = type === 'refused' ? (body as LinkMessageBody<'refused'>).reason : type;
    socket.destroy();
  });
  socket.on('error', () => {}).on('data', hear);
  const hello = encodeLinkMessage('hello', {
    minVersion: 1,
    maxVersion: 1,
    features: ['resume'],
    token,
    session,
    receivedLow: received >>> 0,
    receivedHigh: Math.floor(received / TWO_32),
  });
  const output = new LinkOutput(() => {});
  output.frame(0, FrameKind.control, 0, 0, 0, hello, 0, hello.length);
  socket.write(output.take()!.bytes.slice());
  await once(socket, 'close');
  return said;
}

describe('the name of a session in wrong hands', () => {
  // Any guest that the host lets in could have gone on with another one's session, had it known its name.
  it('is of no use with another token, nor with a place that the guest cannot have got to', async () => {
    const tokens = ['of the guest', 'of another guest'];
    const host = await listen('tcp:127.0.0.1:0', {
      windowMegabytes: 1,
      authenticate: (token) => tokens.includes(token),
      onBus: (bus) => {
        bus.onChannelOpen = (channel) => {
          channel.onPacket = ({ idLow, bytes, offset, length }) => {
            channel.send(PacketKind.completion, idLow, 0, 0, bytes, offset, length);
          };
        };
        bus.offer(OFFER);
        bus.start();
      },
    });
    const spy = await eavesdrop(host.port);
    const guest = await connect(`tcp:127.0.0.1:${spy.port}`, { token: 'of the guest' });
    let interruptions = 0;
    guest.onInterruption = () => {
      interruptions += 1;
    };
    const channel = await guest.open(1);
    const ask = async (id: number) => {
      const answered = new Promise<number>((resolve) => {
        channel.onPacket = ({ idLow }) => resolve(idLow);
      });
      channel.send(PacketKind.inBand, id, 0, 1, new Uint8Array(8), 0, 8);
      assert.equal(await answered, id);
    };
    await ask(1);
    const { session } = spy.known;
    assert.match(session, /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    const none = 'there is no such session any more';
    assert.equal(await steal(host.port, session, 'of nobody', 0), 'the token is not valid');
    assert.equal(await steal(host.port, session, '', 0), 'a token is needed');
    assert.equal(await steal(host.port, session, 'of another guest', 0), none);
    assert.equal(await steal(host.port, session.replace(/.$/, 'x'), 'of the guest', 0), none);
    for (const received of [1_000_000, 2 ** 52, 2 ** 60])
      assert.equal(await steal(host.port, session, 'of the guest', received), none, `${received}`);
    await ask(2);
    assert.equal(interruptions, 0, 'the guest has noticed nothing');
    await guest.close();
    // Nor afterwards.
    assert.equal(await steal(host.port, session, 'of the guest', 0), none);
    spy.close();
    await host.close();
  });
});
