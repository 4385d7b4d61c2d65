import type { HostKit, HostRequirement } from './kit.ts';

/** Collects the requirements of one group in the order of their numbers. */
export class Group {
  readonly requirements: HostRequirement[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  #add(
    level: 'must' | 'should',
    number: number,
    source: string,
    text: string,
    check: (kit: HostKit) => Promise<void>,
  ): void {
    const id = `${this.#name}-${String(number).padStart(2, '0')}`;
    this.requirements.push({ id, group: this.#name, level, text, source, check });
  }

  must(number: number, source: string, text: string, check: (kit: HostKit) => Promise<void>): void {
    this.#add('must', number, source, text, check);
  }

  should(number: number, source: string, text: string, check: (kit: HostKit) => Promise<void>): void {
    this.#add('should', number, source, text, check);
  }
}
