/**
 * The facts file's integer expressions: numbers, dotted field names, `$` names, `+ - *`, parentheses, and the
 * functions max, when, up8, idiv and sumOf. Plain and slow on purpose: nothing here is shared with the codec.
 */

export type Resolve = (name: string) => number;
export type SumOf = (path: string) => number;

const TOKEN = /\s*(?:(\d+)|("[^"]*")|([$A-Za-z_][\w.$]*)|(<=|>=|==|[-+*(),<>]))/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`cannot read expression ${text}`);
    tokens.push(match[0].trim());
  }
  return tokens;
}

export function evaluate(text: string, resolve: Resolve, sumOf: SumOf): number {
  const tokens = tokenize(text);
  let at = 0;
  const expect = (token: string) => {
    if (tokens[at] !== token) throw new Error(`expected ${token} in ${text}`);
    at += 1;
  };

  function primary(): number {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`unexpected end of ${text}`);
    if (/^\d/.test(token)) return Number(token);
    if (token === '(') {
      const value = comparison();
      expect(')');
      return value;
    }
    if (tokens[at] !== '(') return resolve(token);
    at += 1;
    if (token === 'sumOf') {
      const path = tokens[at++]!.slice(1, -1);
      expect(')');
      return sumOf(path);
    }
    const args = [comparison()];
    while (tokens[at] === ',') {
      at += 1;
      args.push(comparison());
    }
    expect(')');
    return call(token, args);
  }

  function product(): number {
    let value = primary();
    while (tokens[at] === '*') {
      at += 1;
      value *= primary();
    }
    return value;
  }

  function sum(): number {
    let value = product();
    while (tokens[at] === '+' || tokens[at] === '-') {
      value = tokens[at++] === '+' ? value + product() : value - product();
    }
    return value;
  }

  function comparison(): number {
    const left = sum();
    const operator = tokens[at];
    if (operator === '<') {
      at += 1;
      return left < sum() ? 1 : 0;
    }
    return left;
  }

  const value = comparison();
  if (at !== tokens.length) throw new Error(`cannot read all of ${text}`);
  return value;
}

function call(name: string, args: number[]): number {
  const [a = 0, b = 0, c = 0] = args;
  if (name === 'max') return Math.max(a, b);
  if (name === 'when') return a !== 0 ? b : c;
  if (name === 'up8') return Math.ceil(a / 8) * 8;
  if (name === 'idiv') return Math.floor(a / b);
  throw new Error(`unknown function ${name}`);
}
