import type { Message, Tail } from '../schema/message.ts';
import { type LongForm, property } from './emit.ts';

/** Statements that find how long the message of a value `v` is: see {@link SizeEmitter.source}. */
export function sizeSource(message: Message, long: LongForm): string {
  return new SizeEmitter(message, long).source();
}

/** What has no length, or none that can be counted, is no list: its message would have none either. */
function listCheck(count: string, key: string): string {
  return `if ((${count} >>> 0) !== ${count}) failList(name, ${JSON.stringify(key)});`;
}

class SizeEmitter {
  private readonly message: Message;
  private readonly long: LongForm;

  constructor(message: Message, long: LongForm) {
    this.message = message;
    this.long = long;
  }

  /** Statements that define `a0..`, `c0..` (tails and their counts), `end` and `size`. */
  source(): string {
    const { message } = this;
    let source = '';
    const firsts = new Map<string, string>();
    const sums: string[] = [String(message.fixedBytes)];
    message.tails.forEach(([key, tail], index) => {
      source += `const a${index} = ${property('v', key)};`;
      source += this.count(key, tail, index, firsts) + listCheck(`c${index}`, key);
      sums.push(tail.elementBytes === 1 ? `c${index}` : `${tail.elementBytes} * c${index}`);
      if (tail.kind !== 'structs' || tail.blob === null) return;
      const bytes = property(`a${index}[i]`, tail.blob.key);
      source += `let b${index} = 0; for (let i = 0; i < c${index}; i++) b${index} += ${bytes}?.length ?? 0;`;
      source += listCheck(`b${index}`, `${key}.${tail.blob.key}`);
      sums.push(`b${index}`);
    });
    source += `const end = ${sums.join(' + ')};`;
    return `${source}const size = ${this.total()} - ${message.headerBytes};`;
  }

  private total(): string {
    const { trailing, tails } = this.message;
    const first = tails.length === 0 ? '0' : 'c0';
    switch (trailing.kind) {
      case 'none':
        return 'end';
      case 'bytes':
        if (trailing.count === trailing.countWhenEmpty) return `end + ${trailing.count}`;
        return `end + (${first} === 0 ? ${trailing.countWhenEmpty} : ${trailing.count})`;
      case 'total':
        return `(end > ${trailing.bytes} ? failTotal(name, end, ${trailing.bytes}) : ${trailing.bytes})`;
      case 'result-area':
        return `end + ((11 + 4 * Math.max(${first}, 1)) & -8)`;
      case 'round-up':
        return `((end + ${trailing.step - 1}) & -${trailing.step})`;
    }
  }

  private count(key: string, tail: Tail, index: number, firsts: Map<string, string>): string {
    const paired = this.long === 'pair' && tail.kind === 'longs';
    const length = paired ? `pairCount(name, ${JSON.stringify(key)}, a${index})` : `a${index}.length`;
    const given = `a${index} === undefined ? 0 : ${length}`;
    const rule = tail.count;
    const mismatch = (expected: string): string =>
      `if (a${index} !== undefined && ${length} !== ${expected}) failCount(name, ${JSON.stringify(key)}, ${length}, ${expected});`;
    if (rule.from === 'field') {
      const first = firsts.get(rule.path);
      if (first === undefined) firsts.set(rule.path, `c${index}`);
      else {
        const expected = rule.atLeastOne ? `Math.max(${first}, 1)` : first;
        return `const c${index} = ${expected};${mismatch(`c${index}`)}`;
      }
    } else if (rule.from === 'length') {
      const full = `c${this.message.tails.findIndex(([other]) => other === rule.of)}`;
      return `const c${index} = ${given}; if (c${index} !== 0) {${mismatch(full)}}`;
    }
    return `const c${index} = ${given};`;
  }
}
