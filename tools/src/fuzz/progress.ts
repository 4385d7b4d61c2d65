/** What one sees while a target runs: a bar on a terminal, a line now and then elsewhere. */
export interface Progress {
  readonly show: (inputs: number, seconds: number) => void;
  end(): void;
}

const BAR_CHARACTERS = 30;
/** Between two lines where there is no terminal, seconds. */
const LINE_SECONDS = 15;

export function createProgress(name: string, unit: string, inputs: number, seconds: number): Progress {
  const isTerminal = process.stdout.isTTY === true;
  let lastLine = 0;
  const show = (doneInputs: number, doneSeconds: number): void => {
    const share = Math.min(1, Math.max(doneInputs / inputs, doneSeconds / seconds));
    const rate = Math.round(doneInputs / Math.max(doneSeconds, 0.001)).toLocaleString('en');
    const text = `${doneInputs.toLocaleString('en')} ${unit}, ${rate} a second`;
    if (isTerminal) {
      const filled = Math.round(share * BAR_CHARACTERS);
      const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_CHARACTERS - filled)}`;
      // A line that wraps cannot be drawn over.
      const line = `${name} ${bar} ${Math.floor(share * 100)} %  ${text}`.slice(
        0,
        (process.stdout.columns ?? 80) - 1,
      );
      process.stdout.write(`\r\x1b[K${line}`);
    } else if (doneSeconds - lastLine >= LINE_SECONDS) {
      lastLine = doneSeconds;
      process.stdout.write(`${name}: ${Math.floor(share * 100)} %, ${text}\n`);
    }
  };
  return {
    show,
    end: () => {
      if (isTerminal) process.stdout.write('\r\x1b[K');
    },
  };
}
