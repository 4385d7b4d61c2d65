// A transport of one's own: link frames over a MessagePort, with back-pressure. Any other way to move bytes works alike:
// make a Duplex of it, and hand its ends to `connectOverStream` and `attachHostStream`.
//
//     node --test examples/custom-transport/custom-transport.mjs     runs the public compliance suite over it
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { describeTransportCompliance, serveCompliance } from '@dxgwire/transport/compliance';
import { attachHostStream, connectOverStream } from '@dxgwire/transport/stream';

/** A port as a stream: each chunk is a message, each message is answered with null once it has been taken. */
export function streamOfPort(port) {
  let onTaken = null;
  let owesAnswer = false;
  const answer = () => {
    if (owesAnswer) port.postMessage(null);
    owesAnswer = false;
  };
  const stream = new Duplex({
    allowHalfOpen: false,
    read: answer,
    write(chunk, _encoding, done) {
      onTaken = done;
      port.postMessage(chunk);
    },
    final(done) {
      port.close();
      done();
    },
    destroy(error, done) {
      port.close();
      done(error);
    },
  });
  port.on('message', (message) => {
    if (message === null) {
      onTaken?.();
      return;
    }
    owesAnswer = true;
    if (stream.push(message)) answer();
  });
  port.on('close', () => stream.push(null));
  return stream;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  describeTransportCompliance('a transport of one’s own, over a MessagePort', {
    async open() {
      const { port1, port2 } = new MessageChannel();
      const report = new Promise((resolve) => {
        attachHostStream(streamOfPort(port2), { onHostBus: (host) => resolve(serveCompliance(host)) });
      });
      return { guest: await connectOverStream(streamOfPort(port1)), report, dispose: async () => {} };
    },
  });
}
