// What random calls are made of: numbers from a seed, and dictionaries of which any member may be missing.

/** Random choices that a seed repeats: mulberry32. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = Math.imul(seed + 1, 2_654_435_761) >>> 0;
  }

  /** A number from 0 to below 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count) {
    return Math.floor(this.fraction() * count);
  }

  chance(probability) {
    return this.fraction() < probability;
  }

  of(...choices) {
    return choices[this.below(choices.length)];
  }

  /** Up to `most` things. */
  some(most, make) {
    return Array.from({ length: this.below(most + 1) }, (_, index) => make(index));
  }

  /** A dictionary of members `[how often it is there, what makes it]`. */
  dictionary(members) {
    const made = {};
    for (const [name, [probability, make]] of Object.entries(members)) {
      if (this.chance(probability)) made[name] = make();
    }
    return made;
  }

  label() {
    return this.of('a', 'é“q”', '', 'new\nline', 'nul\0in', '😀', 'long'.repeat(20));
  }
}

/**
 * Strange values for a value of a type. Not what Dawn for Node converts in another way than the standard says: a text in place of
 * a number, what is not finite, what is out of the range of an origin.
 */
const STRANGE = {
  number: [1.5, 2 ** 16, 2 ** 31],
  string: ['', 'strange'],
  boolean: [true, false],
};

/** The arguments with one number, text or truth value somewhere in them replaced by a strange one. */
export function withStrangeValue(args, random) {
  const places = [];
  const visit = (value, path) => {
    if (Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype) {
      // Its fractions are rounded here, as the standard says, and cut off there.
      for (const [key, member] of Object.entries(value))
        if (key !== 'maxAnisotropy') visit(member, [...path, key]);
    } else if ((typeof value) in STRANGE) places.push(path);
  };
  visit(args, []);
  if (places.length === 0) return args;
  const place = random.of(...places);
  const replaced = (value, [key, ...rest]) => {
    if (key === undefined) return random.of(...STRANGE[typeof value]);
    const copy = Array.isArray(value) ? [...value] : { ...value };
    copy[key] = replaced(value[key], rest);
    return copy;
  };
  return replaced(args, place);
}

/** A value as text, the same for any implementation of WebGPU. */
export function show(value) {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const name = Object.prototype.toString.call(value).slice(8, -1);
  if (name.startsWith('GPU')) return `${name} ${JSON.stringify(value.label ?? '')}`;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `${name} of ${value.byteLength}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  const members = Object.entries(value).map(([key, member]) => `${key}: ${show(member)}`);
  return `{${members.join(', ')}}`;
}
