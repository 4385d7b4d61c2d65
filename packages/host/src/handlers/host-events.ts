import { commands, encodeHostMessage, SetGuestDataType } from '@dxgwire/protocol';

/** Length of both messages; the guest drops shorter ones. */
const MESSAGE_BYTES = 48;

/** Messages from the host that no request caused: in-band packets on the global channel, never answered. */
export class HostEvents {
  readonly #bytes = new Uint8Array(MESSAGE_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #send: (bytes: Uint8Array) => void;

  /** @param send sends one packet; it copies the bytes before it returns. */
  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send;
  }

  /** Wakes whatever waits in the guest under this id. Ids are the guest's; they are echoed, nothing else. */
  signalGuestEvent(event: bigint): void {
    encodeHostMessage(commands.signalGuestEvent, { event }, this.#view, 0);
    this.#send(this.#bytes);
  }

  /**
   * Makes the guest ask again for the execution state of its devices.
   *
   * @param cookie what CreateDevice of the device gave.
   * @param state the new execution state; the guest acts on any value but 0.
   */
  setGuestData(cookie: bigint, state: number): void {
    const body = { guestPointer: cookie, data32: state, dataType: SetGuestDataType.dword };
    encodeHostMessage(commands.setGuestData, body, this.#view, 0);
    this.#send(this.#bytes);
  }
}
