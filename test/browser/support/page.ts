import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Browser } from './chromium.ts';

/** A module that runs in a page of a browser, and says what came of it by a POST to `/result`. */
export class Page {
  readonly #server: Server;
  readonly #browser: Browser;
  readonly #result: Promise<unknown>;

  private constructor(server: Server, browser: Browser, result: Promise<unknown>) {
    this.#server = server;
    this.#browser = browser;
    this.#result = result;
  }

  /**
   * @param script - The module.
   * @param parameters - What the module finds as `globalThis.parameters`.
   * @param ask - Answers a GET of any other path.
   */
  static async open(
    script: string,
    parameters: Readonly<Record<string, unknown>>,
    ask: (path: string) => Promise<unknown> = async () => null,
  ): Promise<Page> {
    let settle: (result: unknown) => void = () => {};
    const result = new Promise<unknown>((resolve) => {
      settle = resolve;
    });
    const server = createServer((request, response) => {
      const answer = async (): Promise<[type: string, body: string]> => {
        if (request.method === 'POST') {
          settle(JSON.parse(await bodyOf(request)));
          return ['text/plain', ''];
        }
        if (request.url === '/') return ['text/html', documentOf(parameters)];
        if (request.url === '/module.js') return ['text/javascript', script];
        if (request.url === '/favicon.ico') return ['image/x-icon', ''];
        return ['application/json', JSON.stringify(await ask(request.url ?? ''))];
      };
      answer().then(
        ([type, body]) => response.setHeader('content-type', `${type}; charset=utf-8`).end(body),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      return new Page(server, await Browser.open(`http://127.0.0.1:${port}/`), result);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** What the module said. @throws Error when it threw, or the browser ended. */
  async result(): Promise<unknown> {
    const said = await Promise.race([this.#result, this.#browser.failure()]);
    const { thrown } = said as { thrown?: string };
    if (thrown !== undefined) throw new Error(`in the page: ${thrown}`);
    return said;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function documentOf(parameters: Readonly<Record<string, unknown>>): string {
  return `<!doctype html><title>dxgwire</title><script>
    globalThis.parameters = ${JSON.stringify(parameters)};
    const tell = (error) =>
      fetch('/result', { method: 'POST', body: JSON.stringify({ thrown: String(error?.stack ?? error) }) });
    addEventListener('error', (event) => tell(event.error ?? event.message));
    addEventListener('unhandledrejection', (event) => tell(event.reason));
  </script><script type="module" src="/module.js"></script>`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  request.setEncoding('utf8');
  for await (const text of request) body += String(text);
  return body;
}
