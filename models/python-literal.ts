/** What a literal without classes or calls can hold. A dictionary is a Map, a tuple an array, None null. */
export type PythonValue = string | number | boolean | null | PythonValue[] | Map<PythonValue, PythonValue>;

/**
 * Reads the text form of a Python value, which some exporters put in metadata: strings, numbers, True, False, None, lists,
 * tuples and dictionaries. JSON is read as well. Undefined where the text is anything else.
 */
export function parsePythonLiteral(text: string): PythonValue | undefined {
  const parser = new LiteralParser(text);
  try {
    return parser.whole();
  } catch (error) {
    if (error instanceof LiteralError) return undefined;
    throw error;
  }
}

class LiteralError extends Error {}

/** Deeper nesting than any metadata has; the parser calls itself for each level. */
const DEPTH_LIMIT = 32;

const words: ReadonlyMap<string, PythonValue> = new Map<string, PythonValue>([
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
  ['None', null],
  ['null', null],
]);

const escapes: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

class LiteralParser {
  private position = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  whole(): PythonValue {
    const value = this.value();
    if (this.peek() !== '') throw new LiteralError();
    return value;
  }

  private value(): PythonValue {
    const next = this.peek();
    if (next === "'" || next === '"') return this.string(next);
    if (next === '[') return this.list(']');
    if (next === '(') return this.list(')');
    if (next === '{') return this.dictionary();
    const [token] = this.match(/[\w.+-]+/y);
    const word = words.get(token);
    if (word !== undefined) return word;
    const number = Number(token);
    if (Number.isNaN(number)) throw new LiteralError();
    return number;
  }

  private list(end: string): PythonValue[] {
    const items: PythonValue[] = [];
    this.sequence(end, () => items.push(this.value()));
    return items;
  }

  private dictionary(): Map<PythonValue, PythonValue> {
    const entries = new Map<PythonValue, PythonValue>();
    this.sequence('}', () => {
      const key = this.value();
      this.expect(':');
      entries.set(key, this.value());
    });
    return entries;
  }

  /** Items between an opening bracket and `end`, separated by commas; the last may be followed by one. */
  private sequence(end: string, item: () => void): void {
    if (++this.depth > DEPTH_LIMIT) throw new LiteralError();
    this.position++;
    while (this.peek() !== end) {
      item();
      if (this.peek() !== end) this.expect(',');
    }
    this.position++;
    this.depth--;
  }

  private string(quote: string): string {
    this.position++;
    let result = '';
    for (;;) {
      const character = this.text[this.position++];
      if (character === undefined) throw new LiteralError();
      if (character === quote) return result;
      result += character === '\\' ? this.escape() : character;
    }
  }

  private escape(): string {
    const kind = this.text[this.position++];
    const digits = { x: 2, u: 4, U: 8 }[kind];
    if (!digits) return escapes.get(kind) ?? kind ?? '';
    const code = Number.parseInt(this.text.slice(this.position, this.position + digits), 16);
    if (!(code <= 0x10ffff)) throw new LiteralError();
    this.position += digits;
    return String.fromCodePoint(code);
  }

  /** The next character that is no space, or '' at the end. */
  private peek(): string {
    this.match(/\s*/y);
    return this.text[this.position] ?? '';
  }

  private expect(character: string): void {
    if (this.peek() !== character) throw new LiteralError();
    this.position++;
  }

  private match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (!match) throw new LiteralError();
    this.position = pattern.lastIndex;
    return match;
  }
}
