import { isProtocolError, Limits } from '@dxgwire/protocol';
import {
  decodeEnvelope,
  eventToProtobuf,
  protobufToEvent,
  protobufToReply,
  protobufToRequest,
  replyToProtobuf,
  requestToProtobuf,
} from '@dxgwire/protocol/protobuf';
import type { FuzzTarget } from '../target.ts';
import { PREFIX_BYTES, shortMessages } from './message-seeds.ts';

/** First byte of an input: what its other bytes are. */
const Mode = { envelope: 0, request: 1, event: 2, packet: 3, hostPacket: 4 } as const;
const MODES = 5;

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Envelopes that no peer of ours wrote, and packets that go through an envelope and must come out the same. */
export class ProtobufTarget implements FuzzTarget {
  readonly name = 'protobuf';
  readonly summary = 'protobuf envelopes';
  readonly unit = 'inputs';
  readonly maxInputBytes = 4096;
  readonly #space = new Uint8Array(Limits.maxMessageBytes);
  #accepted = 0;
  #refused = 0;

  seeds(): readonly Uint8Array[] {
    const seeds: Uint8Array[] = [];
    for (const message of shortMessages()) {
      const packet = message.slice(PREFIX_BYTES);
      const isHost = (message[0]! & 3) === 2;
      if ((message[0]! & 0x10) !== 0 || (message[0]! & 3) === 3) continue;
      const envelope = isHost ? eventToProtobuf(packet) : requestToProtobuf(packet).bytes;
      seeds.push(Uint8Array.of(isHost ? Mode.event : Mode.request, ...envelope));
      seeds.push(Uint8Array.of(Mode.envelope, ...envelope));
      seeds.push(Uint8Array.of(isHost ? Mode.hostPacket : Mode.packet, ...packet));
    }
    return seeds;
  }

  run(input: Uint8Array): void {
    if (input.length === 0) return;
    const bytes = input.subarray(1);
    try {
      this.#take(input[0]! % MODES, bytes);
      this.#accepted += 1;
    } catch (error) {
      if (!isProtocolError(error)) throw error;
      this.#refused += 1;
    }
  }

  #take(mode: number, bytes: Uint8Array): void {
    const space = this.#space;
    switch (mode) {
      case Mode.envelope:
        decodeEnvelope(bytes);
        break;
      case Mode.request: {
        const { pending, length } = protobufToRequest(bytes, space);
        // What the host answers, as bytes of nobody's choosing, must have a form too.
        const reply = replyToProtobuf(pending, space.slice(0, Math.min(length, 200)));
        protobufToReply(pending, reply, space);
        break;
      }
      case Mode.event:
        protobufToEvent(bytes, space);
        break;
      case Mode.packet: {
        const once = requestToProtobuf(bytes.slice());
        const { length } = protobufToRequest(once.bytes, space);
        const packet = space.slice(0, length);
        // The first time may tidy: bytes that nothing reads are lost. From then on nothing changes.
        const twice = requestToProtobuf(packet);
        const again = protobufToRequest(twice.bytes, space);
        if (!equal(packet, space.subarray(0, again.length))) throw new Error('a request changed on its way');
        break;
      }
      default: {
        const { length } = { length: protobufToEvent(eventToProtobuf(bytes.slice()), space) };
        const packet = space.slice(0, length);
        const again = protobufToEvent(eventToProtobuf(packet), space);
        if (!equal(packet, space.subarray(0, again))) throw new Error('an event changed on its way');
      }
    }
  }

  describe(): string {
    return `${this.#accepted} accepted, ${this.#refused} refused`;
  }
}
