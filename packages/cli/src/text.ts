/** Bytes for people: three digits, binary units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** Lines of `name  value`, the values aligned, indented by `indent` spaces. */
export function formatPairs(pairs: readonly (readonly [string, string])[], indent: number): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${' '.repeat(indent)}${name.padEnd(width)}  ${value}\n`).join('');
}

/** On one line, and without what a terminal would obey: texts that a peer chose are shown, too. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
}
