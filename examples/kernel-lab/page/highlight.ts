/** WGSL in colours: what a piece of a line is. */
export type TokenKind = 'comment' | 'directive' | 'attribute' | 'keyword' | 'type' | 'number' | 'function' | 'plain';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const KEYWORDS =
  'alias|break|case|const|const_assert|continue|continuing|default|diagnostic|discard|else|enable|false|fn|for|if|let|loop|override|requires|return|struct|switch|true|var|while';
const TYPES =
  'array|atomic|bool|f16|f32|i32|u32|mat[234]x[234][fh]?|vec[234][fhiu]?|ptr|storage|uniform|workgroup|function|private|read|read_write|write';

const TOKEN = new RegExp(
  [
    String.raw`(?<directive>\/\/!.*)`,
    String.raw`(?<comment>\/\/.*)`,
    String.raw`(?<attribute>@\w+)`,
    String.raw`(?<number>\b(?:0[xX][\da-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)[fhiu]?\b)`,
    String.raw`(?<keyword>\b(?:${KEYWORDS})\b)`,
    String.raw`(?<type>\b(?:${TYPES})\b)`,
    String.raw`(?<function>\b[A-Za-z_]\w*(?=\())`,
  ].join('|'),
  'g',
);

/** The pieces of one line; together they are the line. */
export function tokensOf(line: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of line.matchAll(TOKEN)) {
    if (match.index > end) tokens.push({ kind: 'plain', text: line.slice(end, match.index) });
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] as TokenKind;
    tokens.push({ kind, text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < line.length) tokens.push({ kind: 'plain', text: line.slice(end) });
  return tokens;
}
