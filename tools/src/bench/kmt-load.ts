import { type KmtProcess, startDriver, unwrap } from '@dxgwire/guest/kmt';
import { connect } from '@dxgwire/transport/connect';

/** D3DKMT_CREATECONTEXTVIRTUALFLAGS.HwQueueSupported. */
const HW_QUEUE_SUPPORTED = 0x10;
const PRIVATE_BYTES = 40;
/** Submissions after which a guest asks for something, so that the host's answers never lag far behind. */
const SUBMISSIONS_PER_ANSWER = 64;

/** A driver on a real host that does what drivers mostly do. */
export class KmtLoad {
  readonly close: () => Promise<void>;
  readonly #process: KmtProcess;
  readonly #adapter: number;
  readonly #queue: number;
  #fenceValue = 0n;

  private constructor(process: KmtProcess, adapter: number, queue: number, close: () => Promise<void>) {
    this.#process = process;
    this.#adapter = adapter;
    this.#queue = queue;
    this.close = close;
  }

  static async open(url: string): Promise<KmtLoad> {
    const bus = await connect(url);
    const driver = await startDriver(bus);
    await driver.settled();
    const process = await driver.openDevice({ comm: 'bench' });
    const { adapters } = unwrap(
      await process.enumAdapters3({ filter: 1n, adapterCount: 16 }),
      'enumAdapters3',
    );
    const adapter = adapters[0]!.adapterHandle;
    const { device } = unwrap(await process.createDevice({ adapter }), 'createDevice');
    const { context } = unwrap(
      await process.createContextVirtual({ device, flags: HW_QUEUE_SUPPORTED, engineAffinity: 1 }),
      'createContextVirtual',
    );
    const { queue } = unwrap(await process.createHwQueue({ context }), 'createHwQueue');
    return new KmtLoad(process, adapter, queue, async () => {
      await process.closeDevice();
      await driver.close();
      await bus.close();
    });
  }

  /** Questions, each sent when the one before is answered. */
  async queries(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.#query();
  }

  /** Questions, so many under way at a time. */
  async queriesInFlight(count: number, inFlight: number): Promise<void> {
    let left = count;
    const lane = async () => {
      for (; left > 0; left -= 1) await this.#query();
    };
    await Promise.all(Array.from({ length: inFlight }, lane));
  }

  /** Submissions without waiting for them; the host has carried out all when this resolves. */
  async submissions(count: number): Promise<void> {
    const privDrvData = new Uint8Array(PRIVATE_BYTES);
    for (let done = 0; done < count; done += SUBMISSIONS_PER_ANSWER) {
      const batch = Math.min(SUBMISSIONS_PER_ANSWER, count - done);
      const sent: Promise<unknown>[] = [];
      for (let i = 0; i < batch; i += 1) {
        this.#fenceValue += 1n;
        sent.push(
          this.#process.submitCommandToHwQueue({
            hwqueue: this.#queue,
            hwqueueProgressFenceId: this.#fenceValue,
            privDrvData,
          }),
        );
      }
      await this.#query();
      await Promise.all(sent);
    }
  }

  async #query(): Promise<void> {
    unwrap(await this.#process.queryVideoMemoryInfo({ adapter: this.#adapter }), 'queryVideoMemoryInfo');
  }
}
