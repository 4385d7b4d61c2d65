import { fixedWords, type NamedShape, type Op, type Shape } from './schema.ts';
import { badValue, finishRecord, type StreamWriter, writeBytes, writeString, writeWords } from './writer.ts';

/** Any op's writer, before the table's types are put on it. */
export type AnyWriter = (writer: StreamWriter, ...values: never[]) => void;

/** Number of each value of an enumeration. No prototype, so that no name is inherited. */
export function enumNumbers(values: readonly string[]): Record<string, number> {
  const numbers: Record<string, number> = Object.create(null);
  for (const [index, value] of values.entries()) numbers[value] = index;
  return numbers;
}

const scratchF64 = new Float64Array(1);
const scratchU32 = new Uint32Array(scratchF64.buffer);

/** Collects the statements of one writer: runs of fields of fixed size share one check for room. */
class WriteEmitter {
  readonly lines: string[] = [];
  readonly tables: Record<string, number>[] = [];
  private run: string[] = [];
  private runWords = 0;
  private names = 0;

  name(): string {
    this.names += 1;
    return `v${this.names}`;
  }

  /** Reserves room for the run and writes it. */
  flush(): void {
    if (this.runWords === 0) return;
    const words = this.runWords;
    this.lines.push(`if(p+${words}>w.capacity)w.reserve(p+${words});u=w.u32;`, ...this.run, `p+=${words};`);
    this.run = [];
    this.runWords = 0;
  }

  take(words: number): string {
    const place = this.runWords === 0 ? 'p' : `p+${this.runWords}`;
    this.runWords += words;
    return place;
  }

  header(): void {
    this.run.push(`u[${this.take(1)}]=0;`);
  }

  struct(fields: readonly NamedShape[], value: string): void {
    for (const { name, shape } of fields) this.field(shape, `${value}.${name}`, name);
  }

  field(shape: Shape, value: string, name: string): void {
    if (this.fixed(shape, value, name)) return;
    this.flush();
    const { lines } = this;
    switch (shape.kind) {
      case 'string':
        if (shape.optional) {
          lines.push(`if(${value}===undefined){w.reserve(p+1);w.u32[p]=4294967295;p+=1;}else `);
        }
        lines.push(`p=writeString(w,p,${value});`);
        return;
      case 'bytes':
        lines.push(`p=writeBytes(w,p,${value});`);
        return;
      case 'u32s':
        lines.push(`p=writeWords(w,p,${value});`);
        return;
      case 'rest':
        lines.push(`w.reserve(p+${value});w.u32.fill(0,p,p+${value});p+=${value};`);
        return;
      case 'struct': {
        const inner = this.name();
        lines.push(`const ${inner}=${value};`);
        this.struct(shape.fields, inner);
        return;
      }
      case 'array':
        this.array(shape.element, value, name);
        return;
      case 'optional':
      case 'nullable':
        this.presence(shape.content, value, shape.kind === 'optional' ? 'undefined' : 'null', name);
        return;
      default:
        throw new Error(`no writer for a field of kind ${shape.kind}`);
    }
  }

  private array(element: Shape, value: string, name: string): void {
    const list = this.name();
    const index = this.name();
    this.lines.push(`const ${list}=${value};w.reserve(p+1);w.u32[p]=${list}.length;p+=1;`);
    this.lines.push(`for(let ${index}=0;${index}<${list}.length;${index}++){`);
    const item = this.name();
    this.lines.push(`const ${item}=${list}[${index}];`);
    this.field(element, item, name);
    this.flush();
    this.lines.push('}');
  }

  private presence(content: Shape, value: string, absent: string, name: string): void {
    const inner = this.name();
    this.lines.push(`const ${inner}=${value};w.reserve(p+1);`);
    this.lines.push(`if(${inner}===${absent}){w.u32[p]=0;p+=1;}else{w.u32[p]=1;p+=1;`);
    this.field(content, inner, name);
    this.flush();
    this.lines.push('}');
  }

  /** Adds a field of fixed size to the run. @returns false for other kinds. */
  private fixed(shape: Shape, value: string, name: string): boolean {
    switch (shape.kind) {
      case 'u32':
      case 'i32':
        this.run.push(`u[${this.take(1)}]=${value};`);
        return true;
      case 'f32':
        this.run.push(`w.f32[${this.take(1)}]=${value};`);
        return true;
      case 'f64':
        this.run.push(`F[0]=${value};`, `u[${this.take(1)}]=S[0];`, `u[${this.take(1)}]=S[1];`);
        return true;
      case 'bool':
        this.run.push(`u[${this.take(1)}]=${value}?1:0;`);
        return true;
      case 'optional-u32':
        this.run.push(`u[${this.take(1)}]=${value}===undefined?4294967295:${value};`);
        return true;
      case 'optional-bool':
        this.run.push(`u[${this.take(1)}]=${value}===undefined?4294967295:${value}?1:0;`);
        return true;
      case 'size':
        this.size(value, name);
        return true;
      case 'optional-size':
        this.run.push(`if(${value}===undefined){u[${this.peek(0)}]=u[${this.peek(1)}]=4294967295;}else{`);
        this.size(value, name);
        this.run.push('}');
        return true;
      case 'enum':
        this.enumeration(shape.values, shape.optional, value, name);
        return true;
      case 'struct':
        if (fixedWords(shape) < 0) return false;
        this.struct(shape.fields, value);
        return true;
      default:
        return false;
    }
  }

  private peek(offset: number): string {
    return `p+${this.runWords + offset}`;
  }

  private size(value: string, name: string): void {
    this.run.push(
      `if(!(${value}>=0&&${value}<=9007199254740991))throw badValue("${name}",${value});`,
      `u[${this.take(1)}]=${value};`,
      `u[${this.take(1)}]=${value}/4294967296;`,
    );
  }

  private enumeration(values: readonly string[], isOptional: boolean, value: string, name: string): void {
    const table = this.tables.push(enumNumbers(values)) - 1;
    const number = this.name();
    const lookup = `T[${table}][${value}]`;
    this.run.push(
      `const ${number}=${isOptional ? `${value}===undefined?4294967295:${lookup}` : lookup};`,
      `if(${number}===undefined)throw badValue("${name}",${value});`,
      `u[${this.take(1)}]=${number};`,
    );
  }
}

/** Compiles an op's writer to straight-line code. Needs `new Function`. */
export function compileWriter(op: Op): AnyWriter {
  const emitter = new WriteEmitter();
  const parameters = op.form === 'positional' ? op.fields.map((_, index) => `a${index}`) : ['a'];
  emitter.header();
  if (op.form === 'positional') {
    for (const [index, { name, shape }] of op.fields.entries()) emitter.field(shape, `a${index}`, name);
  } else {
    emitter.struct(op.fields, 'a');
  }
  emitter.flush();
  const words = fixedWords({ kind: 'struct', fields: op.fields });
  const finish =
    words < 0
      ? `finishRecord(w,s,p,${op.opcode});`
      : `u[s]=${(((words + 1) << 10) | op.opcode) >>> 0};w.words=p;`;
  const body = `"use strict";return function(w${parameters.map((name) => `,${name}`).join('')}){
let p=w.words,u;const s=p;
${emitter.lines.join('\n')}
${finish}}`;
  const make = new Function(
    'writeString',
    'writeBytes',
    'writeWords',
    'finishRecord',
    'badValue',
    'T',
    'F',
    'S',
    body,
  );
  return make(
    writeString,
    writeBytes,
    writeWords,
    finishRecord,
    badValue,
    emitter.tables,
    scratchF64,
    scratchU32,
  );
}
