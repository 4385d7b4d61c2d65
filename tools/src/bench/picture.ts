import type { ResultRow } from './baseline.ts';

const WIDTH = 900;
const LEFT = 330;
const RIGHT = 70;
const ROW = 20;
const TOP = 64;
const BAR = 11;
const MOST_LABEL = 48;

/**
 * The ratios as bars on a logarithmic scale: left of the line at 1 is faster than what a case is held against, right of
 * it slower. The whisker is the middle half. Colours follow the reader's theme.
 */
export function drawRows(rows: readonly ResultRow[], machine: string): string {
  const all = rows.flatMap(({ low, high, median }) => [low, high, median]).filter((value) => value > 0);
  const least = Math.min(0.5, ...all);
  const most = Math.max(2, ...all);
  const scale = (value: number) =>
    LEFT + ((WIDTH - LEFT - RIGHT) * Math.log(value / least)) / Math.log(most / least);
  const lines: string[] = [];
  let y = TOP;
  for (const [index, row] of rows.entries()) {
    const before = rows[index - 1];
    if (row.suite !== before?.suite) {
      y += 14;
      lines.push(`<text class="suite" x="12" y="${y + 12}">${escapeText(row.suite)}</text>`);
      y += ROW;
    }
    if (row.suite !== before?.suite || row.case !== before.case) {
      y += 8;
      const heading = escapeText(`${row.case} (1 x: ${row.baseline})`);
      lines.push(`<text class="case" x="12" y="${y + 12}">${heading}</text>`);
      y += ROW;
    }
    lines.push(...drawRow(row, y, scale));
    y += ROW;
  }
  const height = y + 24;
  const grid = ticks(least, most).map((value) => {
    const x = scale(value).toFixed(1);
    const kind = value === 1 ? 'one' : 'grid';
    const label = `<text class="tick" x="${x}" y="${TOP - 6}" text-anchor="middle">${value} x</text>`;
    return `<line class="${kind}" x1="${x}" x2="${x}" y1="${TOP}" y2="${height - 16}"/>${label}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Time as a multiple of the bare medium's or the library's</title>
<style>
svg { background: #ffffff; } text { fill: #1f2328; } .case { font-weight: 600; } .suite { font-weight: 600; font-size: 15px; fill: #0a58ca; } .tick, .note { fill: #59636e; font-size: 11px; }
.grid { stroke: #d1d9e0; } .one { stroke: #59636e; stroke-width: 1.5; } .bar { fill: #2f6fd0; } .slow { fill: #c2601a; } .whisker { stroke: #1f2328; }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117; } text { fill: #e6edf3; } .suite { fill: #79b0ff; } .tick, .note { fill: #9198a1; } .grid { stroke: #30363d; } .one { stroke: #9198a1; }
.bar { fill: #5b9bf5; } .slow { fill: #e08a45; } .whisker { stroke: #e6edf3; } }
</style>
<text class="case" x="12" y="20" font-size="14">Time as a multiple of what each case is held against (logarithmic; left of 1 x is faster)</text>
<text class="note" x="12" y="37">${escapeText(machine)}</text>
${grid.join('\n')}
${lines.join('\n')}
</svg>
`;
}

function drawRow(
  { high, low, median, name }: ResultRow,
  y: number,
  scale: (value: number) => number,
): string[] {
  const [from, to] = [scale(1), scale(median)].toSorted((a, b) => a - b) as [number, number];
  const middle = y + 4 + BAR / 2;
  const label = name.length > MOST_LABEL ? `${name.slice(0, MOST_LABEL - 1)}…` : name;
  const end = Math.max(to, scale(high)) + 6;
  return [
    `<text x="${LEFT - 10}" y="${y + 14}" text-anchor="end">${escapeText(label)}</text>`,
    `<rect class="${median > 1 ? 'slow' : 'bar'}" x="${from.toFixed(1)}" y="${y + 4}" width="${Math.max(1, to - from).toFixed(1)}" height="${BAR}"/>`,
    `<line class="whisker" x1="${scale(low).toFixed(1)}" x2="${scale(high).toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${end.toFixed(1)}" y="${y + 14}">${median.toFixed(2)}</text>`,
  ];
}

/** Powers of ten and their halves and doubles within the scale, few enough to be read. */
function ticks(least: number, most: number): number[] {
  const values = [0.001, 0.01, 0.1, 0.5, 1, 2, 10, 100, 1000];
  return values.filter((value) => value >= least && value <= most);
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
