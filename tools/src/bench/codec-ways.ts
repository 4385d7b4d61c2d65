import type { Way } from './sampling.ts';

/**
 * Ways that do not slow each other down. V8 keeps what it has seen of shapes and calls with the source of a function, also
 * where equal source comes from `new Function` again: then the code of each way would be made for the values of all of them.
 */

let copies = 0;

/** Keeps results alive, so that no loop is optimised away. */
let sink = 0;

/** A function that is compiled for itself. `scope`: what it uses by name. */
export function copyOf<Value>(make: Value, scope: Readonly<Record<string, unknown>> = {}): Value {
  copies += 1;
  const source = `/* ${copies} */ return ${String(make)};`;
  return new Function(...Object.keys(scope), source)(...Object.values(scope)) as Value;
}

function loop(step: () => number): (count: number) => number {
  const make = copyOf((own: () => number) => (count: number): number => {
    let total = 0;
    for (let i = 0; i < count; i++) total += own();
    return total;
  });
  return make(step);
}

/** A way with a loop of its own. What `step` calls besides should be its own too. */
export function wayOf(name: string, step: () => number): Way {
  const run = loop(step);
  return {
    name,
    run: (count) => {
      sink += run(count);
      return undefined;
    },
  };
}

/** The sum of all that was read. */
export function sumOfAll(): number {
  return sink;
}
