import { errorOfPeer, isTransportError, TransportError } from '../errors.ts';
import { MAX_GPADLS } from '../gpadl.ts';
import { MAX_WINDOW_MEGABYTES } from '../memory-sizes.ts';
import { checkOffered } from '../offer.ts';
import { GuestPciFunction } from '../pci.ts';
import { Pending } from '../pending.ts';
import {
  type Channel,
  type ChannelOffer,
  Codec,
  type GuestBus,
  type GuestMemory,
  type GuestWindow,
  MAX_PACKET_BYTES,
  PAGE_BYTES,
  type PageRange,
  type PciFunction,
} from '../transport.ts';
import { FrameFlag, FrameKind } from './frame.ts';
import { GuestGpadls } from './guest-gpadls.ts';
import { FEATURE_RESUME, MAX_LINK_VERSION, MAX_MEMORY_READS, MIN_LINK_VERSION } from './limits.ts';
import { LinkChannel } from './link-channel.ts';
import type { LinkMessage, LinkMessageBody, WireOffer } from './messages.ts';
import { MirroredGuestMemory, pageHalves } from './mirrored-memory.ts';
import { MirroredGuestWindow } from './mirrored-window.ts';
import { Source } from './output.ts';
import { type Redial, Redialer } from './redialer.ts';
import { type LinkMedium, LinkSession, type LinkSessionOptions } from './session.ts';

const MEBIBYTE = 1_048_576;

export interface GuestLinkOptions extends LinkSessionOptions {
  /** What the host may log this guest as. */
  readonly name: string;
  /** Proof that this guest may use the host; empty for none. */
  readonly token: string;
  /** Names this process to a host on the same machine, which then knows when it has ended; left out where there is none. */
  readonly process?: string;
  /**
   * Tells the host's answer from that to an earlier hello, where a connection may carry both. 0, or left out: it carries
   * one.
   */
  readonly attempt?: number;
  /** Codecs that this guest speaks, the one it prefers first. Default: `packed` alone. */
  readonly codecs?: readonly string[];
  /** How long the host may take to let this guest in, milliseconds. */
  readonly connectTimeoutMs: number;
  /**
   * Makes a new connection to the same host, after a pause: the session then survives a broken one. Rejects when that
   * fails, or when `signal` says that it is no longer wanted. Left out: the session ends with its connection.
   */
  readonly redial?: Redial;
}

/** The guest's end of a link. It is a bus once {@link GuestLink.ready} has resolved: the host has said welcome. */
export class GuestLink extends LinkSession implements GuestBus {
  /** Resolves when the host lets this guest in; rejects with TransportError when it does not. */
  readonly ready: Promise<GuestBus>;
  onOffer: ((offer: ChannelOffer) => void) | null = null;
  onPciFunction: ((pciFunction: PciFunction) => void) | null = null;
  onRescind: ((channelIndex: number) => void) | null = null;
  /** Names this link on the host; empty before {@link GuestLink.ready}. */
  sessionId = '';
  #codec: string = Codec.packed;
  /** What the host takes, as it has said. */
  #maxPacketBytes = MAX_PACKET_BYTES;
  #memory: MirroredGuestMemory;
  #window: MirroredGuestWindow;
  #offers: ChannelOffer[] = [];
  #pciFunctions: GuestPciFunction[] = [];
  #highestChannel = 0;
  #isWelcome = false;
  #resolveReady: (bus: GuestBus) => void = () => {};
  #rejectReady: (error: TransportError) => void = () => {};
  readonly #cancelConnect: () => void;
  readonly #opening = new Pending<Channel>();
  readonly #gpadls: GuestGpadls;
  readonly #options: GuestLinkOptions;
  readonly #redialer: Redialer | null;

  constructor(options: GuestLinkOptions) {
    super(options);
    this.#options = options;
    const { redial } = options;
    this.#redialer =
      redial === undefined
        ? null
        : new Redialer(options.clock, redial, {
            connected: (medium) => this.#sayHelloAgain(medium),
            unanswered: () =>
              this.dropConnection(
                new TransportError('time-out', 'the host has not answered over a new connection'),
              ),
          });
    this.#gpadls = new GuestGpadls({
      create: (body) => this.sendControl('gpadlCreate', body),
      teardown: (body) => this.sendControl('gpadlTeardown', body),
      contains: (address, length) => this.#memory.contains(address, length),
    });
    this.#memory = this.#createMemory(0);
    this.#window = this.#createWindow(0);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.#cancelConnect = this.clock.setTimer(() => {
      const seconds = options.connectTimeoutMs / 1000;
      this.abort(new TransportError('time-out', `the host did not answer the hello within ${seconds} s`));
    }, options.connectTimeoutMs);
    this.#sendHello({});
  }

  beginsHere(): void {
    if (!this.#isWelcome && !this.isClosed) this.restartInput();
  }

  /** Where a line carries more than this link, what it begins with may be anything; a host that knows of lines says where this link begins. */
  protected override isNoise(error: unknown): boolean {
    const { attempt = 0 } = this.#options;
    const isOwn = isTransportError(error) && error.code === 'version-mismatch';
    return attempt !== 0 && !this.#isWelcome && !isOwn;
  }

  receiveNow(timeoutMs: number): boolean {
    return this.receiveFromMedium(timeoutMs);
  }

  #sendHello(more: Partial<LinkMessageBody<'hello'>>): void {
    const { token, name, redial, process = '', attempt = 0 } = this.#options;
    this.sendControl('hello', {
      minVersion: MIN_LINK_VERSION,
      maxVersion: MAX_LINK_VERSION,
      codecs: [...this.#codecs],
      features: redial === undefined ? [] : [FEATURE_RESUME],
      token,
      name,
      process,
      attempt,
      ...more,
    });
  }

  protected override interrupted(wasInVain: boolean): void {
    this.#redialer?.start(wasInVain);
  }

  #sayHelloAgain(medium: LinkMedium): void {
    this.takeMedium(medium);
    const received = this.receivedBytes;
    this.#sendHello({
      session: this.sessionId,
      receivedLow: received >>> 0,
      receivedHigh: Math.floor(received / 0x1_0000_0000),
    });
  }

  get #codecs(): readonly string[] {
    return this.#options.codecs ?? [Codec.packed];
  }

  get codec(): string {
    return this.#codec;
  }

  get memory(): GuestMemory {
    return this.#memory;
  }

  get window(): GuestWindow {
    return this.#window;
  }

  get offers(): readonly ChannelOffer[] {
    return this.#offers;
  }

  get pciFunctions(): readonly PciFunction[] {
    return this.#pciFunctions;
  }

  #createMemory(quotaBytes: number): MirroredGuestMemory {
    return new MirroredGuestMemory(quotaBytes, {
      push: (address, source, offset, length, stability) =>
        this.pushMemory(FrameKind.memoryData, address, source, offset, length, stability),
      blockAdded: ({ address, length }) => {
        this.requireOpen();
        this.sendControl('memoryBlock', { ...pageHalves(address), pages: length / PAGE_BYTES });
      },
      blockFreed: ({ address }) => this.sendControl('memoryBlockFree', pageHalves(address)),
    });
  }

  #createWindow(lengthBytes: number): MirroredGuestWindow {
    return new MirroredGuestWindow(lengthBytes, (source, offset, length) =>
      this.pushMemory(FrameKind.windowData, offset, source, offset, length, Source.pinned),
    );
  }

  protected override receiveControl(message: LinkMessage): void {
    if (message.type === 'refused') {
      this.#refused(message.body);
      return;
    }
    if (message.type === 'welcome') {
      this.#welcome(message.body);
      return;
    }
    if (!this.#isWelcome) throw new TransportError('bad-frame', `${message.type} before welcome`);
    this.#dispatch(message);
  }

  #dispatch(message: LinkMessage): void {
    switch (message.type) {
      case 'offer':
        if (message.body.offer !== null) this.#offered(message.body.offer);
        break;
      case 'rescind':
        this.#rescinded(message.body.channel);
        break;
      case 'channelOpened':
        this.#opened(message.body);
        break;
      case 'pciConfig': {
        const { channel, config } = message.body;
        this.#pciFunctions.find((entry) => entry.channelIndex === channel)?.update(config);
        break;
      }
      case 'gpadlCreated':
        this.#gpadls.created(message.body);
        break;
      case 'gpadlTornDown':
        this.#gpadls.tornDown(message.body.gpadl);
        break;
      default:
        throw new TransportError('bad-frame', `a guest gets no ${message.type} message`);
    }
  }

  /** Whether an answer is to a guest before this one, or to this one's last attempt: its own is still to come. */
  #isToOther(answered: number): boolean {
    const { attempt = 0 } = this.#options;
    return answered !== attempt && answered !== 0 && attempt !== 0;
  }

  #refused({ attempt, code, reason }: LinkMessageBody<'refused'>): void {
    if (this.#isToOther(attempt)) return;
    const known = code === '' ? 'refused' : code;
    this.endWith(errorOfPeer({ code: known, message: reason }, 'the host refused the link'));
  }

  #welcome(body: LinkMessageBody<'welcome'>): void {
    if (this.#isWelcome && this.isInterrupted) {
      this.#welcomeBack(body);
      return;
    }
    if (this.#isToOther(body.attempt)) return;
    if (this.#isWelcome) throw new TransportError('bad-frame', 'a second welcome');
    if (body.version < MIN_LINK_VERSION || body.version > MAX_LINK_VERSION) {
      throw new TransportError(
        'version-mismatch',
        `the host chose link version ${body.version}; this guest speaks ${MIN_LINK_VERSION} to ${MAX_LINK_VERSION}`,
      );
    }
    if (!this.#codecs.includes(body.codec)) {
      throw new TransportError(
        'version-mismatch',
        `the host chose codec '${body.codec}'; this guest speaks ${this.#codecs.join()}`,
      );
    }
    if (body.windowMegabytes > MAX_WINDOW_MEGABYTES) {
      throw new TransportError(
        'limit',
        `the host announces a device window of ${body.windowMegabytes} MiB; this guest takes ${MAX_WINDOW_MEGABYTES}`,
      );
    }
    this.#codec = body.codec;
    this.#takeLimits(body.limits);
    this.#isWelcome = true;
    this.#cancelConnect();
    this.sessionId = body.session;
    this.#memory = this.#createMemory((body.limits?.memoryPages ?? 0) * PAGE_BYTES);
    this.#window = this.#createWindow(body.windowMegabytes * MEBIBYTE);
    if (this.#redialer !== null && body.features.includes(FEATURE_RESUME) && body.leaseMs > 0) {
      this.#redialer.leaseMs = body.leaseMs;
      this.enableResume(body.leaseMs);
    }
    this.startHeartbeat(body.heartbeatMs);
    for (const offer of body.offers) this.#offered(offer);
    this.#resolveReady(this);
  }

  /** What a host leaves out, or says to be more than any may take, is as this version has it. */
  #takeLimits(limits: LinkMessageBody<'welcome'>['limits']): void {
    const least = (said: number | undefined, ours: number) =>
      said === undefined || said === 0 ? ours : Math.min(said, ours);
    this.#maxPacketBytes = least(limits?.packetBytes, MAX_PACKET_BYTES);
    this.#gpadls.most = least(limits?.gpadls, MAX_GPADLS);
  }

  #welcomeBack({ session, isResumed, receivedLow, receivedHigh }: LinkMessageBody<'welcome'>): void {
    const received = receivedHigh * 0x1_0000_0000 + receivedLow;
    if (isResumed !== 1 || session !== this.sessionId || !this.resumed(received)) {
      throw new TransportError('bad-frame', 'the host resumes another session than this one');
    }
    this.#redialer?.succeeded();
  }

  #offered({ channel, classGuid, instanceGuid, mmioMegabytes, pci }: WireOffer): void {
    const offer: ChannelOffer = { index: channel, classGuid, instanceGuid, mmioMegabytes };
    checkOffered(offer, this.#highestChannel, this.#offers.length);
    this.#highestChannel = channel;
    const post = (offset: number, value: number) => {
      this.requireOpen();
      this.sendControl('pciWrite', { channel, offset, value });
    };
    const pciFunction = pci === null ? null : new GuestPciFunction(channel, pci, pci.config, post);
    this.#offers.push(offer);
    if (pciFunction !== null) this.#pciFunctions.push(pciFunction);
    this.onOffer?.(offer);
    if (pciFunction !== null) this.onPciFunction?.(pciFunction);
  }

  #rescinded(channel: number): void {
    this.#offers = this.#offers.filter((offer) => offer.index !== channel);
    this.#pciFunctions = this.#pciFunctions.filter((entry) => entry.channelIndex !== channel);
    const error = new TransportError('peer-closed', `the host took channel ${channel} away`);
    this.#opening.reject(channel, error);
    this.onRescind?.(channel);
  }

  async open(channelIndex: number): Promise<Channel> {
    this.requireOpen();
    if (!this.#offers.some((offer) => offer.index === channelIndex)) {
      throw new TransportError('out-of-range', `the host does not offer channel ${channelIndex}`);
    }
    if (this.channels.has(channelIndex) || this.#opening.has(channelIndex)) {
      throw new TransportError('out-of-range', `channel ${channelIndex} is open already`);
    }
    const opened = this.#opening.add(channelIndex);
    this.sendControl('channelOpen', { channel: channelIndex });
    return await opened;
  }

  #opened({ channel: index, code, reason }: LinkMessageBody<'channelOpened'>): void {
    if (!this.#opening.has(index)) return;
    if (code !== '') {
      this.#opening.reject(
        index,
        errorOfPeer({ code, message: reason }, `the host refused channel ${index}`),
      );
      return;
    }
    const channel = new LinkChannel(this, index, this.#maxPacketBytes);
    this.channels.set(index, channel);
    this.#opening.resolve(index, channel);
  }

  protected override isKnownChannel(channel: number): boolean {
    return channel <= this.#highestChannel;
  }

  async createGpadl(ranges: readonly PageRange[]): Promise<number> {
    this.requireOpen();
    return await this.#gpadls.create(ranges);
  }

  async teardownGpadl(id: number): Promise<void> {
    this.requireOpen();
    await this.#gpadls.teardown(id);
  }

  protected override receiveWindowData(offset: number, bytes: Uint8Array, at: number, length: number): void {
    this.#window.receive(offset, bytes, at, length);
  }

  protected override receiveMemoryData(
    address: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    _flags: number,
  ): void {
    this.#memory.receive(address, bytes, at, length);
  }

  /** The host wants bytes that were not flushed. A block that is gone is answered with nothing. */
  protected override receiveMemoryRead(address: number, view: DataView, at: number, length: number): void {
    if (length !== 8)
      throw new TransportError('bad-frame', `a memory read has 8 payload bytes, not ${length}`);
    if (this.output.pendingAnswers >= MAX_MEMORY_READS) {
      throw new TransportError('limit', `more than ${MAX_MEMORY_READS} memory reads are outstanding`);
    }
    const wanted = view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
    const block = this.#memory.find(address, wanted);
    const answer = FrameFlag.answer;
    const last = FrameFlag.answer | FrameFlag.last;
    if (block === null) {
      this.output.answer(FrameKind.memoryData, address, new Uint8Array(0), 0, 0, answer, last);
    } else {
      const offset = address - block.address;
      this.output.answer(FrameKind.memoryData, address, block.bytes, offset, wanted, answer, last);
      this.statistics.memoryBytesSent += wanted;
    }
    this.scheduleWake();
  }

  protected override settlePending(error: TransportError): void {
    this.#cancelConnect();
    this.#redialer?.stop();
    this.#rejectReady(error);
    this.#opening.rejectAll(error);
    this.#gpadls.rejectAll(error);
  }

  protected override release(): void {
    this.#gpadls.clear();
  }
}
