import type { MessagePort } from 'node:worker_threads';
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { type Endpoint, expose, releaseProxy, wrap } from 'comlink';
import { PAYLOAD_BYTES } from './bus-echo.ts';
import type { Way } from './sampling.ts';

/** What programs use today to call another thread or process, for comparison: comlink, and unary calls of gRPC. */

interface Echo {
  echo(bytes: Uint8Array): Uint8Array;
}

const METHOD = '/dxgwire.bench.Echo/Echo';
/** The bytes are the message: no encoding of it is measured. */
const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
const asItIs = (bytes: Buffer): Buffer => bytes;

/** Ports of Node are event targets, as those of browsers: comlink takes them without its adapter. */
function endpointOf(port: MessagePort): Endpoint {
  return port as unknown as Endpoint;
}

/** The other side of {@link comlinkCalls}. */
export function exposeComlink(port: MessagePort): void {
  const service: Echo = { echo: (bytes) => bytes };
  expose(service, endpointOf(port));
}

/** One call after the other over a message port. */
export function comlinkCalls(
  name: string,
  port: MessagePort,
): { readonly way: Way; readonly close: () => void } {
  const remote = wrap<Echo>(endpointOf(port));
  const payload = new Uint8Array(PAYLOAD_BYTES);
  return {
    way: {
      name,
      run: async (count) => {
        for (let i = 0; i < count; i += 1) await remote.echo(payload);
        return undefined;
      },
    },
    close: () => remote[releaseProxy](),
  };
}

/** A gRPC server on the loopback without TLS. */
export async function serveGrpc(): Promise<{ readonly address: string; readonly close: () => void }> {
  const server = new Server();
  server.addService(
    {
      echo: {
        path: METHOD,
        requestStream: false,
        responseStream: false,
        requestSerialize: toBuffer,
        requestDeserialize: asItIs,
        responseSerialize: toBuffer,
        responseDeserialize: asItIs,
      },
    },
    {
      echo: (
        call: { readonly request: Buffer },
        answer: (error: Error | null, bytes: Buffer) => void,
      ): void => answer(null, call.request),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}

/** One unary call after the other. */
export function grpcCalls(name: string, address: string): { readonly way: Way; readonly close: () => void } {
  const client = new Client(address, credentials.createInsecure());
  const payload = Buffer.alloc(PAYLOAD_BYTES);
  const call = () =>
    new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(METHOD, toBuffer, asItIs, payload, (error, answer) => {
        if (error !== null || answer?.length !== PAYLOAD_BYTES) reject(error ?? new Error('no answer'));
        else resolve(answer);
      });
    });
  return {
    way: {
      name,
      run: async (count) => {
        for (let i = 0; i < count; i += 1) await call();
        return undefined;
      },
    },
    close: () => client.close(),
  };
}
