/** Something that must never be so. It ends the simulation. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function must(isSo: boolean, what: () => string): asserts isSo {
  if (!isSo) throw new Violation(what());
}
