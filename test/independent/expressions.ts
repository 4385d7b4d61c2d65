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

interface Inputs {
  readonly resolve: Resolve;
  readonly sumOf: SumOf;
}

type Term = (inputs: Inputs) => number;

const compiled = new Map<string, Term>();

/** Works out an expression. Each text is read once and kept as a function. */
export function evaluate(text: string, resolve: Resolve, sumOf: SumOf): number {
  let term = compiled.get(text);
  if (term === undefined) {
    term = read(text);
    compiled.set(text, term);
  }
  return term({ resolve, sumOf });
}

function read(text: string): Term {
  const tokens = tokenize(text);
  let at = 0;
  const expect = (token: string) => {
    if (tokens[at] !== token) throw new Error(`expected ${token} in ${text}`);
    at += 1;
  };

  function primary(): Term {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`unexpected end of ${text}`);
    if (/^\d/.test(token)) {
      const number = Number(token);
      return () => number;
    }
    if (token === '(') {
      const inner = comparison();
      expect(')');
      return inner;
    }
    if (tokens[at] !== '(') return ({ resolve }) => resolve(token);
    at += 1;
    if (token === 'sumOf') {
      const path = tokens[at++]!.slice(1, -1);
      expect(')');
      return ({ sumOf }) => sumOf(path);
    }
    const terms = [comparison()];
    while (tokens[at] === ',') {
      at += 1;
      terms.push(comparison());
    }
    expect(')');
    return (inputs) =>
      call(
        token,
        terms.map((term) => term(inputs)),
      );
  }

  function product(): Term {
    let left = primary();
    while (tokens[at] === '*') {
      at += 1;
      const [a, b] = [left, primary()];
      left = (inputs) => a(inputs) * b(inputs);
    }
    return left;
  }

  function sum(): Term {
    let left = product();
    while (tokens[at] === '+' || tokens[at] === '-') {
      const plus = tokens[at++] === '+';
      const [a, b] = [left, product()];
      left = plus ? (inputs) => a(inputs) + b(inputs) : (inputs) => a(inputs) - b(inputs);
    }
    return left;
  }

  function comparison(): Term {
    const left = sum();
    if (tokens[at] !== '<') return left;
    at += 1;
    const right = sum();
    return (inputs) => (left(inputs) < right(inputs) ? 1 : 0);
  }

  const term = comparison();
  if (at !== tokens.length) throw new Error(`cannot read all of ${text}`);
  return term;
}

function call(name: string, args: number[]): number {
  const [a = 0, b = 0, c = 0] = args;
  if (name === 'max') return Math.max(a, b);
  if (name === 'when') return a !== 0 ? b : c;
  if (name === 'up8') return Math.ceil(a / 8) * 8;
  if (name === 'idiv') return Math.floor(a / b);
  throw new Error(`unknown function ${name}`);
}
