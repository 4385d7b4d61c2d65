import type { StreamReader } from './reader.ts';
import { type CountedShape, fixedWords, leastWords, type NamedShape, type Op, type Shape } from './schema.ts';

/** Handlers by op name, before the table's types are put on them. */
export type AnyHandlers = Readonly<Record<string, (...values: never[]) => void>>;

/** Reads the fields in words `position .. end` of one record and calls the op's handler. */
export type RecordReader = (
  reader: StreamReader,
  handlers: AnyHandlers,
  position: number,
  end: number,
) => void;

const scratchF64 = new Float64Array(1);
const scratchU32 = new Uint32Array(scratchF64.buffer);

/** Collects the statements of one reader: runs of fields of fixed size share one check of the length. */
class ReadEmitter {
  readonly lines: string[] = [];
  readonly tables: (readonly string[])[] = [];
  private run: string[] = [];
  private runWords = 0;
  private names = 0;

  name(): string {
    this.names += 1;
    return `v${this.names}`;
  }

  flush(): void {
    if (this.runWords === 0) return;
    const words = this.runWords;
    this.lines.push(`if(end-p<${words})throw r.fail(p,'record is too short');`, ...this.run, `p+=${words};`);
    this.run = [];
    this.runWords = 0;
  }

  private take(words: number): string {
    const place = this.runWords === 0 ? 'p' : `p+${this.runWords}`;
    this.runWords += words;
    return place;
  }

  /** @returns the literal of a struct whose fields have been read. */
  struct(fields: readonly NamedShape[]): string {
    const members = fields.map(({ name, shape }) => `${name}:${this.field(shape, name)}`);
    return `{${members.join(',')}}`;
  }

  /** Reads a field. @returns the name of the variable, or the expression, that holds it. */
  field(shape: Shape, name: string): string {
    const simple = this.fixed(shape, name);
    if (simple !== null) return simple;
    this.flush();
    const { lines } = this;
    const value = this.name();
    switch (shape.kind) {
      case 'string':
      case 'bytes':
      case 'u32s':
        this.counted(shape, value, name);
        return value;
      case 'rest':
        lines.push(`const ${value}=end-p;p=end;`);
        return value;
      case 'struct':
        return this.struct(shape.fields);
      case 'array':
        this.array(shape.element, value, name);
        return value;
      case 'optional':
      case 'nullable':
        this.presence(shape.content, value, shape.kind === 'optional' ? 'undefined' : 'null', name);
        return value;
      default:
        throw new Error(`no reader for a field of kind ${shape.kind}`);
    }
  }

  /** A length or count, then that many bytes or words. */
  private counted(shape: CountedShape, value: string, name: string): void {
    const count = this.name();
    const words = shape.kind === 'u32s' ? count : `Math.ceil(${count}/4)`;
    const method = { string: 'string', bytes: 'data', u32s: 'list' }[shape.kind];
    const check = `if(${words}>end-p-1)throw r.fail(p,'${name} of length '+${count}+' does not fit its record');`;
    const read = `${check}${value}=r.${method}(p,${count});p+=1+${words};`;
    this.lines.push(`if(end-p<1)throw r.fail(p,'record is too short');`, `const ${count}=u[p];let ${value};`);
    this.lines.push(shape.optional === true ? `if(${count}===4294967295)p+=1;else{${read}}` : read);
  }

  private array(element: Shape, value: string, name: string): void {
    const count = this.name();
    const index = this.name();
    this.lines.push(
      `if(end-p<1)throw r.fail(p,'record is too short');`,
      `const ${count}=u[p];p+=1;`,
      `if(${count}*${leastWords(element)}>end-p)throw r.fail(p-1,${count}+' ${name} do not fit their record');`,
      `const ${value}=new Array(${count});`,
      `for(let ${index}=0;${index}<${count};${index}++){`,
    );
    const item = this.field(element, name);
    this.flush();
    this.lines.push(`${value}[${index}]=${item};}`);
  }

  private presence(content: Shape, value: string, absent: string, name: string): void {
    const flag = this.name();
    this.lines.push(
      `if(end-p<1)throw r.fail(p,'record is too short');`,
      `const ${flag}=u[p];p+=1;let ${value}=${absent};`,
      `if(${flag}>1)throw r.fail(p-1,'presence of ${name} is '+${flag});`,
      `if(${flag}===1){`,
    );
    const inner = this.field(content, name);
    this.flush();
    this.lines.push(`${value}=${inner};}`);
  }

  /** Reads a field of fixed size within the run; null for other kinds. */
  private fixed(shape: Shape, name: string): string | null {
    switch (shape.kind) {
      case 'u32':
        return this.hold(`u[${this.take(1)}]`);
      case 'i32':
        return this.hold(`r.i32[${this.take(1)}]`);
      case 'f32':
        return this.hold(`r.f32[${this.take(1)}]`);
      case 'f64':
        this.run.push(`S[0]=u[${this.take(1)}];S[1]=u[${this.take(1)}];`);
        return this.hold('F[0]');
      case 'bool':
        return this.flag(name, false);
      case 'optional-bool':
        return this.flag(name, true);
      case 'optional-u32':
        return this.undefinable(`u[${this.take(1)}]`);
      case 'size':
      case 'optional-size':
        return this.size(shape.kind === 'optional-size', name);
      case 'enum':
        return this.enumeration(shape.values, shape.optional, name);
      case 'struct':
        return fixedWords(shape) < 0 ? null : this.struct(shape.fields);
      default:
        return null;
    }
  }

  private hold(expression: string): string {
    const value = this.name();
    this.run.push(`const ${value}=${expression};`);
    return value;
  }

  private undefinable(place: string): string {
    return this.hold(`${place}===4294967295?undefined:${place}`);
  }

  private flag(name: string, isOptional: boolean): string {
    const place = this.take(1);
    const unless = isOptional ? `&&u[${place}]!==4294967295` : '';
    this.run.push(
      `if(u[${place}]>1${unless})throw r.fail(${place},'${name} is '+u[${place}]+', not 0 or 1');`,
    );
    return this.hold(`u[${place}]===1${isOptional ? `?true:u[${place}]===0?false:undefined` : ''}`);
  }

  private size(isOptional: boolean, name: string): string {
    const low = this.take(1);
    const high = this.take(1);
    const all = `u[${high}]===4294967295&&u[${low}]===4294967295`;
    const unless = isOptional ? `&&!(${all})` : '';
    this.run.push(`if(u[${high}]>2097151${unless})throw r.fail(${low},'${name} is 2^53 or more');`);
    const value = `u[${high}]*4294967296+u[${low}]`;
    return this.hold(isOptional ? `${all}?undefined:${value}` : value);
  }

  private enumeration(values: readonly string[], isOptional: boolean, name: string): string {
    const table = this.tables.push(values) - 1;
    const place = this.take(1);
    const unless = isOptional ? `&&u[${place}]!==4294967295` : '';
    this.run.push(
      `if(u[${place}]>=${values.length}${unless})throw r.fail(${place},'${name} has no value '+u[${place}]);`,
    );
    // Past the list's end an array gives undefined: just what an optional value needs.
    return this.hold(
      isOptional ? `u[${place}]===4294967295?undefined:T[${table}][u[${place}]]` : `T[${table}][u[${place}]]`,
    );
  }
}

/** Compiles an op's reader to straight-line code. Needs `new Function`. */
export function compileReader(opName: string, op: Op): RecordReader {
  const emitter = new ReadEmitter();
  const values =
    op.form === 'positional'
      ? op.fields.map(({ name, shape }) => emitter.field(shape, name)).join(',')
      : emitter.struct(op.fields);
  emitter.flush();
  const body = `"use strict";return function(r,h,p,end){const u=r.u32;
${emitter.lines.join('\n')}
if(p!==end)throw r.fail(p,'record ${opName} is too long');
h.${opName}(${values});}`;
  return new Function('T', 'F', 'S', body)(emitter.tables, scratchF64, scratchU32);
}
