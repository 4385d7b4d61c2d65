import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReadProgress, type ProgressStream } from './capture-progress.ts';

function terminal(columns?: number): { readonly stream: ProgressStream; readonly texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    stream: { isTTY: true, ...(columns === undefined ? {} : { columns }), write: (text) => texts.push(text) },
  };
}

describe('the bar over a capture that is read', () => {
  it('is drawn when reading takes its time, ten times a second at most, and taken away', () => {
    let nowMs = 0;
    const { stream, texts } = terminal();
    const progress = createReadProgress(false, stream, () => nowMs);
    progress.show(1 << 20, 4 << 20);
    assert.deepEqual(texts, []);
    nowMs = 800;
    progress.show(2 << 20, 4 << 20);
    nowMs = 850;
    progress.show(3 << 20, 4 << 20);
    progress.end();
    progress.end();
    assert.deepEqual(texts, [`\r[${'#'.repeat(15)}${'.'.repeat(15)}] 50 % of 4.0 MiB\u001b[K`, '\r\u001b[K']);
  });

  it('fits a narrow terminal, and says no more than 100 % of a file that grows', () => {
    let nowMs = 0;
    const { stream, texts } = terminal(20);
    const progress = createReadProgress(false, stream, () => nowMs);
    nowMs = 1000;
    progress.show(9, 4);
    assert.equal(texts[0], `\r[${'#'.repeat(18)}\u001b[K`);
  });

  it('is nowhere but on a terminal, nor where output goes to the same one', () => {
    const { stream, texts } = terminal();
    const now = () => 1e6;
    for (const progress of [
      createReadProgress(true, stream, now),
      createReadProgress(false, { write: (text) => texts.push(text) }, now),
    ]) {
      progress.show(1, 2);
      progress.end();
    }
    assert.deepEqual(texts, []);
  });
});
