import { reasonOf, TransportError } from '../errors.ts';
import { GpadlTable, MAX_GPADL_PAGES, MAX_GPADLS } from '../gpadl.ts';
import { MOST_TIMER_MS } from '../timers.ts';
import {
  type Channel,
  type ChannelOffer,
  Codec,
  type HostBus,
  type HostGuestMemory,
  type HostOfferOptions,
  type HostWindow,
  MAX_HOST_PACKET_BYTES,
  MAX_PACKET_BYTES,
  PAGE_BYTES,
  type PageRange,
} from '../transport.ts';
import { FrameFlag, FrameKind } from './frame.ts';
import type { HostLinkOptions as Options } from './host-link-options.ts';
import { HostOffers } from './host-offers.ts';
import {
  DEFAULT_HOST_CODECS,
  FEATURE_RESUME,
  MAX_HANDSHAKE_BYTES,
  MAX_LINK_VERSION,
  MIN_LINK_VERSION,
} from './limits.ts';
import { LinkChannel } from './link-channel.ts';
import { MemoryReads } from './memory-reads.ts';
import type { LinkMessage, LinkMessageBody } from './messages.ts';
import { MirroredHostMemory, pageAddress } from './mirrored-memory.ts';
import { MirroredHostWindow } from './mirrored-window.ts';
import { Source } from './output.ts';
import { type LinkMedium, LinkSession } from './session.ts';

const MEBIBYTE = 1_048_576;

export type HostLinkOptions = Options<HostLink>;

/** The host's end of a link. */
export class HostLink extends LinkSession implements HostBus {
  onChannelOpen: ((channel: Channel) => void) | null = null;
  onGpadlTeardown: ((id: number) => Promise<void> | void) | null = null;
  readonly #options: HostLinkOptions;
  readonly #memory: MirroredHostMemory;
  #window: MirroredHostWindow | null = null;
  #peerName = '';
  /** What the guest came in with: nobody else may go on with its session. */
  #token = '';
  #process = '';
  #attempt = 0;
  #version = MAX_LINK_VERSION;
  #codec: string = Codec.packed;
  #stage: 'hello' | 'checking' | 'ready' | 'started' = 'hello';
  readonly #cancelHandshake: () => void;
  readonly #offers: HostOffers;
  #canResume = false;
  readonly #gpadls = new GpadlTable();
  readonly #reads: MemoryReads;

  constructor(options: HostLinkOptions) {
    super(options);
    this.#options = options;
    this.#offers = new HostOffers(options.windowMegabytes * MEBIBYTE);
    this.#reads = new MemoryReads(this.output);
    this.#memory = new MirroredHostMemory(
      options.guestMemoryBytes,
      options.allocateRegion,
      {
        push: (address, source, offset, length, stability) =>
          this.pushMemory(FrameKind.memoryData, address, source, offset, length, stability),
        fetch: (address, length) => this.#fetch(address, length),
        forget: (bytes) => this.output.dropRangesOf(bytes),
      },
      this.#gpadls,
    );
    this.#cancelHandshake = this.clock.setTimer(() => {
      const seconds = options.handshakeTimeoutMs / 1000;
      this.#refuse('time-out', `no hello within ${seconds} s`);
    }, options.handshakeTimeoutMs);
  }

  /** Names this session to a guest that wants to resume it. */
  get sessionId(): string {
    return this.#options.sessionId;
  }

  get peerName(): string {
    return this.#peerName;
  }

  get codec(): string {
    return this.#codec;
  }

  get memory(): HostGuestMemory {
    return this.#memory;
  }

  get window(): HostWindow {
    this.#window ??= this.#createWindow();
    return this.#window;
  }

  #createWindow(): MirroredHostWindow {
    const bytes = this.#options.windowMegabytes * MEBIBYTE;
    return new MirroredHostWindow(this.#options.allocateRegion(bytes), bytes, (source, offset, length) =>
      this.pushMemory(FrameKind.windowData, offset, source, offset, length, Source.staying),
    );
  }

  override receive(bytes: Uint8Array): void {
    if (this.#stage === 'hello' && bytes.length > MAX_HANDSHAKE_BYTES) {
      this.abort(
        new TransportError('too-large', `${bytes.length} bytes before hello; at most ${MAX_HANDSHAKE_BYTES}`),
      );
      return;
    }
    super.receive(bytes);
  }

  protected override receiveControl(message: LinkMessage): void {
    if (message.type === 'hello') {
      this.#hello(message.body);
      return;
    }
    if (this.#stage !== 'started') throw new TransportError('bad-frame', `${message.type} before welcome`);
    this.#dispatch(message);
  }

  #dispatch(message: LinkMessage): void {
    switch (message.type) {
      case 'channelOpen':
        this.#openChannel(message.body.channel);
        break;
      case 'pciWrite':
        this.#writePci(message.body);
        break;
      case 'gpadlCreate':
        this.#createGpadl(message.body);
        break;
      case 'gpadlTeardown':
        this.#teardownGpadl(message.body.gpadl);
        break;
      case 'memoryBlock': {
        const { pageLow, pageHigh, pages } = message.body;
        this.#memory.addBlock(pageAddress(pageLow, pageHigh), pages * PAGE_BYTES);
        break;
      }
      case 'memoryBlockFree':
        this.#memory.removeBlock(pageAddress(message.body.pageLow, message.body.pageHigh));
        break;
      default:
        throw new TransportError('bad-frame', `a host gets no ${message.type} message`);
    }
  }

  #hello(body: LinkMessageBody<'hello'>): void {
    if (this.#stage !== 'hello') throw new TransportError('bad-frame', 'a second hello');
    this.#stage = 'checking';
    this.#cancelHandshake();
    this.#process = body.process;
    this.#attempt = body.attempt;
    this.#token = body.token;
    // It goes into logs: no control characters.
    this.#peerName = body.name.slice(0, 100).replace(/\p{C}/gu, '?');
    if (body.minVersion > MAX_LINK_VERSION || body.maxVersion < MIN_LINK_VERSION) {
      const theirs = `${body.minVersion} to ${body.maxVersion}`;
      const ours = `${MIN_LINK_VERSION} to ${MAX_LINK_VERSION}`;
      this.#refuse('version-mismatch', `the guest speaks link versions ${theirs}, this host ${ours}`);
      return;
    }
    this.#version = Math.min(body.maxVersion, MAX_LINK_VERSION);
    const known = this.#options.codecs ?? DEFAULT_HOST_CODECS;
    // The guest's preference counts. One that names none speaks what is always spoken.
    const wanted = body.codecs.length > 0 ? body.codecs : [Codec.packed];
    const codec = wanted.find((entry) => known.includes(entry));
    if (codec === undefined) {
      const theirs = wanted.slice(0, 10).join().slice(0, 100);
      this.#refuse('version-mismatch', `the guest speaks the codecs ${theirs}, this host ${known.join()}`);
      return;
    }
    this.#codec = codec;
    this.#canResume = body.features.includes(FEATURE_RESUME);
    this.#authenticate(body).catch((error: unknown) => this.abort(error as Error));
  }

  async #authenticate(hello: LinkMessageBody<'hello'>): Promise<void> {
    const isAllowed = await this.#options.authenticate(hello.token);
    if (this.isClosed) return;
    if (!isAllowed) {
      this.#refuse('refused', hello.token === '' ? 'a token is needed' : 'the token is not valid');
      return;
    }
    if (hello.session !== '') {
      this.#handOver(hello);
      return;
    }
    const fullness = this.#options.fullness?.() ?? null;
    if (fullness !== null) {
      this.#refuse('refused', fullness);
      return;
    }
    this.#stage = 'ready';
    this.#options.onReady(this);
  }

  /** The guest has had a session and wants to go on with it: that one gets this connection. */
  #handOver({ session, receivedLow, receivedHigh }: LinkMessageBody<'hello'>): void {
    const received = receivedHigh * 0x1_0000_0000 + receivedLow;
    const found = this.#options.findSession?.(session) ?? null;
    if (found === null || found.#token !== this.#token || !found.canGoOn(received)) {
      this.#refuse('refused', 'there is no such session any more');
      return;
    }
    const medium = this.giveMedium();
    if (medium === null) return;
    this.#options.onHandedOver?.();
    found.#goOn(medium, received);
  }

  /** The connection is for no guest of its own: as if this link had never been. */
  withdraw(): void {
    if (this.#stage !== 'hello' || this.giveMedium() === null) return;
    this.#cancelHandshake();
    this.#options.onHandedOver?.();
  }

  /** Whether this session can go on from what its guest has received. */
  canGoOn(guestReceivedBytes: number): boolean {
    return this.mayGoOn && this.output.canRewind(guestReceivedBytes);
  }

  /** The guest is back, on another connection; maybe before the old one was missed. */
  #goOn(medium: LinkMedium, guestReceivedBytes: number): void {
    if (!this.isInterrupted) {
      this.dropConnection(new TransportError('peer-closed', 'the guest has made another connection'));
    }
    this.takeMedium(medium);
    const received = this.receivedBytes;
    this.#sendWelcome({
      isResumed: 1,
      receivedLow: received >>> 0,
      receivedHigh: Math.floor(received / 0x1_0000_0000),
    });
    this.resumed(guestReceivedBytes);
  }

  #refuse(code: string, reason: string): void {
    this.sendControl('refused', { code, reason, attempt: this.#attempt });
    const known = code === 'version-mismatch' || code === 'time-out' ? code : 'refused';
    this.endWith(new TransportError(known, `the guest was refused: ${reason}`));
  }

  start(): void {
    this.requireOpen();
    if (this.#stage === 'started') return;
    if (this.#stage !== 'ready') throw new TransportError('closed', 'the guest has not been let in');
    this.#stage = 'started';
    this.#sendWelcome({ offers: this.#offers.wireAll() });
    const leaseMs = this.#options.leaseMs ?? 0;
    if (this.#canResume && leaseMs > 0) this.enableResume(leaseMs);
    this.startHeartbeat(this.#options.heartbeatMs, this.#options.silenceMs);
  }

  #sendWelcome(more: Partial<LinkMessageBody<'welcome'>>): void {
    const leaseMs = this.#canResume ? Math.min(this.#options.leaseMs ?? 0, MOST_TIMER_MS) : 0;
    this.sendControl('welcome', {
      version: this.#version,
      codec: this.#codec,
      session: this.#options.sessionId,
      windowMegabytes: this.#options.windowMegabytes,
      limits: {
        memoryPages: Math.floor(this.#options.guestMemoryBytes / PAGE_BYTES),
        packetBytes: MAX_PACKET_BYTES,
        gpadls: MAX_GPADLS,
      },
      heartbeatMs: Math.min(this.#options.heartbeatMs, MOST_TIMER_MS),
      name: this.#options.hostName,
      features: leaseMs > 0 ? [FEATURE_RESUME] : [],
      leaseMs,
      attempt: this.#attempt,
      ...more,
    });
  }

  offer(options: HostOfferOptions): ChannelOffer {
    this.requireOpen();
    const offer = this.#offers.add(options);
    if (this.#stage === 'started') this.sendControl('offer', { offer: this.#offers.wire(offer.index) });
    return offer;
  }

  rescind(channelIndex: number): void {
    this.requireOpen();
    this.#offers.remove(channelIndex);
    const channel = this.channels.get(channelIndex);
    if (channel !== undefined) void channel.close();
    if (this.#stage === 'started') this.sendControl('rescind', { channel: channelIndex });
  }

  #openChannel(index: number): void {
    let reason: ReturnType<typeof reasonOf> = null;
    let channel: LinkChannel | null = null;
    try {
      if (!this.#offers.has(index))
        throw new TransportError('out-of-range', `channel ${index} is not offered`);
      if (this.channels.has(index))
        throw new TransportError('out-of-range', `channel ${index} is open already`);
      if (this.onChannelOpen === null) throw new TransportError('refused', 'nobody serves channels');
    } catch (error) {
      reason = reasonOf(error as Error);
    }
    // The answer goes first: what the handler sends must find the channel open.
    this.sendControl('channelOpened', {
      channel: index,
      code: reason?.code ?? '',
      reason: reason?.message ?? '',
    });
    if (reason !== null || this.isClosed) return;
    channel = new LinkChannel(this, index, MAX_HOST_PACKET_BYTES);
    this.channels.set(index, channel);
    try {
      this.onChannelOpen?.(channel);
    } catch (error) {
      channel.abort(error as Error);
    }
  }

  #writePci({ channel, offset, value }: LinkMessageBody<'pciWrite'>): void {
    const config = this.#offers.writePci(channel, offset, value);
    if (config !== null) this.sendControl('pciConfig', { channel, config });
  }

  #createGpadl({ gpadl, ranges: threes }: LinkMessageBody<'gpadlCreate'>): void {
    let reason: ReturnType<typeof reasonOf> = null;
    try {
      this.#addGpadl(gpadl, threes);
    } catch (error) {
      reason = reasonOf(error as Error);
    }
    this.sendControl('gpadlCreated', { gpadl, code: reason?.code ?? '', reason: reason?.message ?? '' });
  }

  #addGpadl(gpadl: number, threes: readonly number[]): void {
    if (threes.length % 3 !== 0 || threes.length > 3 * MAX_GPADL_PAGES) {
      throw new TransportError(
        'bad-frame',
        `a GPADL with ${threes.length} numbers, which must come in threes`,
      );
    }
    const ranges: PageRange[] = [];
    for (let i = 0; i < threes.length; i += 3) {
      const address = pageAddress(threes[i]!, threes[i + 1]!);
      ranges.push({ address, length: threes[i + 2]! * PAGE_BYTES });
    }
    this.#gpadls.add(gpadl, ranges, (address, length) => this.#memory.contains(address, length));
  }

  #teardownGpadl(gpadl: number): void {
    const gone = () => {
      this.#gpadls.delete(gpadl);
      this.sendControl('gpadlTornDown', { gpadl });
    };
    const released = this.onGpadlTeardown?.(gpadl);
    if (released === undefined) gone();
    else released.then(gone, gone);
  }

  #fetch(address: number, length: number): Promise<void> {
    this.requireOpen();
    const answered = this.#reads.ask(address, length);
    this.scheduleWake();
    return answered;
  }

  protected override isKnownChannel(channel: number): boolean {
    return this.#offers.isKnown(channel);
  }

  protected override receiveWindowData(offset: number, bytes: Uint8Array, at: number, length: number): void {
    this.#requireStarted();
    this.#window ??= this.#createWindow();
    this.#window.receive(offset, bytes, at, length);
  }

  protected override receiveMemoryData(
    address: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    flags: number,
  ): void {
    this.#requireStarted();
    if ((flags & FrameFlag.answer) === 0) {
      this.#memory.receive(address, bytes, at, length);
      return;
    }
    this.#reads.requireAsked();
    // The block may have been freed while its bytes were under way.
    if (length > 0 && this.#memory.contains(address, length))
      this.#memory.receive(address, bytes, at, length);
    if ((flags & FrameFlag.last) !== 0) this.#reads.answered();
  }

  protected override receiveMemoryRead(): void {
    throw new TransportError('bad-frame', 'a guest reads no memory of the host; it is pushed');
  }

  #requireStarted(): void {
    if (this.#stage !== 'started') throw new TransportError('bad-frame', 'memory before welcome');
  }

  /** The guest makes the next connection. */
  protected override interrupted(): void {}

  protected override mayComeBack(): boolean {
    return this.#process === '' || this.#options.hasEnded?.(this.#process) !== true;
  }

  protected override settlePending(error: TransportError): void {
    this.#cancelHandshake();
    this.#reads.rejectAll(error);
  }

  protected override release(): void {
    this.#offers.clear();
    this.#gpadls.clear();
    this.#memory.free();
    this.#window?.free();
  }
}
