import { FrameKind, LINK_CHANNEL } from './frame.ts';

/**
 * What order a frame has to keep, as a number: frames of one lane keep it among themselves, and {@link mayPass} says
 * which lanes may pass which. Packets of each channel have two lanes of their own, from {@link FIRST_PACKET_LANE} on:
 * the even one of those that may announce memory, the odd one of those that do not.
 */
export const Lane = {
  /** In order with everything: what is queued while little waits, and control messages that end something. */
  ordered: 0,
  /** Control messages that bring something: nothing passes them; they pass memory and packets. */
  control: 1,
  /** A block of memory is given back: after everything before it. Packets pass it. */
  release: 2,
  /** Guest memory and device window, and requests to read them. */
  memory: 3,
} as const;

export const FIRST_PACKET_LANE = 4;

/** The lane of a frame, by its header. `announces`: whether a packet may tell the other side to look at memory. */
export function laneOf(channel: number, kind: number, announces: boolean): number {
  if (channel !== LINK_CHANNEL) return FIRST_PACKET_LANE + 2 * channel + (announces ? 0 : 1);
  return kind === FrameKind.control ? Lane.ordered : Lane.memory;
}

/** The channel whose packets a lane carries; 0 for other lanes. */
export function channelOfLane(lane: number): number {
  return lane < FIRST_PACKET_LANE ? 0 : (lane - FIRST_PACKET_LANE) >>> 1;
}

/**
 * Whether a frame of one lane may leave before a frame of another that was queued earlier. The rules behind it:
 * what memory held when a packet was sent is there when the packet arrives, unless the packet announces nothing;
 * memory keeps order with memory, so a fence never passes its data; a channel's packets keep order among themselves.
 */
export function mayPass(later: number, earlier: number): boolean {
  if (later === Lane.ordered || earlier === Lane.ordered || earlier === Lane.control) return false;
  switch (later) {
    case Lane.release:
      return false;
    case Lane.control:
      return earlier !== Lane.release;
    case Lane.memory:
      return earlier >= FIRST_PACKET_LANE;
    default:
      if (earlier === Lane.release) return true;
      if (earlier === Lane.memory) return (later & 1) === 1;
      return later >>> 1 !== earlier >>> 1;
  }
}
