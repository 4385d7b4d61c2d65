import type { AddressedMemory, SubmissionData, WriteTarget } from '../executor/submission-data.ts';
import { INLINE_REGION, RUN_WORDS, ZERO_REGION } from './access-words.ts';

/** Sends the outcome of a write; `inline` holds the bytes that have no region, in order. */
export type SendWrote = (writeId: number, written: boolean, inline: readonly Uint8Array[]) => void;

/** Files of shared memory that the host told a server to map, by the host's number for each. */
export interface Regions {
  map(id: number, path: string, inode: number): void;
  unmap(id: number): void;
  /** @throws Error when there is no such place: the host made a mistake. */
  view(id: number, offset: number, length: number): Uint8Array;
  /** Null where memory has no addresses. */
  readonly memory: AddressedMemory | null;
}

interface Run {
  readonly region: number;
  readonly offset: number;
  readonly length: number;
}

/** Fills a target with the bytes from `start` on of what is being written. */
type Fill = (target: Uint8Array, start: number) => void;

/** The data of one submission, as the host's frame describes them. */
export class FrameData implements SubmissionData {
  private readonly regions: Regions;
  private readonly sendWrote: SendWrote;
  private readonly words: Uint32Array;
  private readonly inline: Uint8Array;
  allocation = 0;
  private position = 0;

  constructor(regions: Regions, sendWrote: SendWrote, words: Uint32Array, inline: Uint8Array) {
    this.regions = regions;
    this.sendWrote = sendWrote;
    this.words = words;
    this.inline = inline;
  }

  /** The same on memory of its own. */
  copy(): FrameData {
    return new FrameData(this.regions, this.sendWrote, this.words.slice(), this.inline.slice());
  }

  allocationBytes(): number {
    this.allocation = this.next();
    const lengthBytes = this.next() + this.next() * 0x1_0000_0000;
    return this.allocation === 0 ? -1 : lengthBytes;
  }

  read(): Uint8Array {
    const runs = this.runs();
    const first = runs[0];
    if (runs.length === 1 && first!.region !== ZERO_REGION) return this.view(first!);
    const gathered = new Uint8Array(runs.reduce((sum, { length }) => sum + length, 0));
    let position = 0;
    for (const run of runs) {
      if (run.region !== ZERO_REGION) gathered.set(this.view(run), position);
      position += run.length;
    }
    return gathered;
  }

  target(): WriteTarget | null {
    const writeId = this.next();
    if (writeId === 0) return null;
    const runs = this.runs();
    const inline: Uint8Array[] = [];
    const { memory } = this.regions;
    return {
      memory,
      write: (position, bytes) =>
        this.scatter(runs, position, bytes.length, inline, (target, start) =>
          target.set(bytes.subarray(start, start + target.length)),
        ),
      writeFrom: (position, address, lengthBytes) =>
        this.scatter(runs, position, lengthBytes, inline, (target, start) =>
          memory!.copyFrom(target, address + BigInt(start)),
        ),
      finish: () => this.sendWrote(writeId, true, inline),
      cancel: () => this.sendWrote(writeId, false, []),
    };
  }

  /** Writes bytes to where the runs say; what has to be sent back is added to `inline`, one entry for each run. */
  private scatter(
    runs: readonly Run[],
    position: number,
    lengthBytes: number,
    inline: Uint8Array[],
    fill: Fill,
  ): void {
    let runStart = 0;
    let inlineIndex = -1;
    for (const { region, offset, length } of runs) {
      if (region === INLINE_REGION) inlineIndex += 1;
      const from = Math.max(position, runStart);
      const to = Math.min(position + lengthBytes, runStart + length);
      if (from < to && region !== ZERO_REGION) {
        const at = from - runStart;
        let target: Uint8Array;
        if (region === INLINE_REGION) {
          inline[inlineIndex] ??= new Uint8Array(length);
          target = inline[inlineIndex]!.subarray(at, at + to - from);
        } else {
          target = this.regions.view(region, offset + at, to - from);
        }
        fill(target, from - position);
      }
      runStart += length;
    }
  }

  private view({ region, offset, length }: Run): Uint8Array {
    if (region !== INLINE_REGION) return this.regions.view(region, offset, length);
    return this.inline.subarray(offset, offset + length);
  }

  private runs(): Run[] {
    const count = this.next();
    const runs: Run[] = [];
    for (let index = 0; index < count; index++) {
      const { words, position } = this;
      runs.push({
        region: words[position]!,
        offset: words[position + 1]! + words[position + 2]! * 0x1_0000_0000,
        length: words[position + 3]! + words[position + 4]! * 0x1_0000_0000,
      });
      this.position += RUN_WORDS;
    }
    return runs;
  }

  private next(): number {
    const { words, position } = this;
    if (position >= words.length) throw new Error('the host sent no data for a record that needs some');
    this.position += 1;
    return words[position]!;
  }
}
