import type { PageRange } from '@dxgwire/transport';
import type { CaptureRecord } from '@dxgwire/transport/capture';

/** Most questions of a host that are kept. */
const MOST_ANSWERS = 1 << 20;

/**
 * What a host that was recorded at its own end asked about the guest's memory, and the answers: they stand in the capture
 * behind the packet that made it ask. All of them are known before the replay begins.
 */
export class RecordedAnswers {
  /** Runs of guest memory that were heard of, by address; they neither touch nor overlap. */
  readonly extents: PageRange[] = [];
  readonly #gpadls = new Map<number, (readonly PageRange[])[]>();
  readonly #checks = new Map<string, boolean[]>();
  #ranges: PageRange[] = [];
  #count = 0;

  static async read(records: AsyncIterable<CaptureRecord>): Promise<RecordedAnswers> {
    const answers = new RecordedAnswers();
    for await (const record of records) answers.#take(record);
    answers.#merge();
    return answers;
  }

  /** The next answer about a page list; null: there was none, or nobody asked. */
  gpadl(id: number): readonly PageRange[] | null {
    const ranges = this.#gpadls.get(id)?.shift() ?? [];
    return ranges.length === 0 ? null : ranges;
  }

  /** The next answer whether a range is memory of the guest. Where nobody asked, it is if it was heard of. */
  isGuests(address: number, length: number): boolean {
    const answer = this.#checks.get(`${address}/${length}`)?.shift();
    if (answer !== undefined) return answer;
    return this.extents.some(
      (extent) => address >= extent.address && address + length <= extent.address + extent.length,
    );
  }

  #take(record: CaptureRecord): void {
    switch (record.kind) {
      case 'gpadlCreate': {
        const ranges = record.ranges.map(([address, length]) => ({ address, length }));
        this.#add(this.#gpadls, record.id, ranges);
        this.#ranges.push(...ranges);
        break;
      }
      case 'memoryCheck':
        this.#add(this.#checks, `${record.address}/${record.length}`, record.isGuests);
        if (record.isGuests) this.#ranges.push({ address: record.address, length: record.length });
        break;
      case 'memoryContent':
        this.#ranges.push({ address: record.offset, length: record.length });
        // Nearly all of them lie in what was heard of before.
        if (this.#ranges.length > MOST_ANSWERS) this.#merge();
    }
  }

  #add<Key, Answer>(to: Map<Key, Answer[]>, key: Key, answer: Answer): void {
    this.#count += 1;
    if (this.#count > MOST_ANSWERS) throw new Error(`the host asked more than ${MOST_ANSWERS} questions`);
    const answers = to.get(key);
    if (answers === undefined) to.set(key, [answer]);
    else answers.push(answer);
  }

  #merge(): void {
    const all = [...this.extents, ...this.#ranges].sort((a, b) => a.address - b.address);
    this.#ranges = [];
    this.extents.length = 0;
    for (const { address, length } of all) {
      const last = this.extents.at(-1);
      if (last === undefined || last.address + last.length < address) this.extents.push({ address, length });
      else {
        const end = Math.max(last.address + last.length, address + length);
        this.extents[this.extents.length - 1] = { address: last.address, length: end - last.address };
      }
    }
  }
}
