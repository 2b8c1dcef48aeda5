/**
 * Whole-number arithmetic in the text of a kernel: numbers, names, + - * / %, parentheses, and ceil(a / b), floor(...),
 * min(...), max(...). Division is exact, so that ceil(7 / 2) is 4.
 */

/** @throws Error saying what is wrong with it, in a few words */
export function evaluateExpression(text: string, variables: ReadonlyMap<string, number>): number {
  const tokens = text.match(/\d+(?:\.\d+)?(?:e[+-]?\d+)?|[A-Za-z_]\w*|\S/g) ?? [];
  let at = 0;
  const take = (token: string) => (tokens[at] === token ? Boolean(++at) : false);
  const expectToken = (token: string) => {
    if (!take(token))
      throw new Error(`"${token}" is missing ${at < tokens.length ? `before "${tokens[at]}"` : 'at the end'}`);
  };

  function sum(): number {
    let value = product();
    for (;;) {
      if (take('+')) value += product();
      else if (take('-')) value -= product();
      else return value;
    }
  }

  function product(): number {
    let value = factor();
    for (;;) {
      if (take('*')) value *= factor();
      else if (take('/')) value /= divisor();
      else if (take('%')) value %= divisor();
      else return value;
    }
  }

  function divisor(): number {
    const value = factor();
    if (value === 0) throw new Error('it divides by 0');
    return value;
  }

  function factor(): number {
    if (take('-')) return -factor();
    if (take('(')) {
      const value = sum();
      expectToken(')');
      return value;
    }
    const token = tokens[at++];
    if (token === undefined) throw new Error('something is missing at the end');
    if (/^\d/.test(token)) return Number(token);
    const call = FUNCTIONS.get(token);
    if (call && take('(')) {
      const values = [sum()];
      while (take(',')) values.push(sum());
      expectToken(')');
      return call(values);
    }
    const value = variables.get(token);
    if (value !== undefined) return value;
    throw new Error(/^[A-Za-z_]/.test(token) ? `there is no "${token}"` : `"${token}" has no place there`);
  }

  const value = sum();
  if (at < tokens.length) throw new Error(`"${tokens[at]}" has no place there`);
  return value;
}

const FUNCTIONS: ReadonlyMap<string, (values: readonly number[]) => number> = new Map([
  ['ceil', ([value]) => Math.ceil(value)],
  ['floor', ([value]) => Math.floor(value)],
  ['min', (values) => Math.min(...values)],
  ['max', (values) => Math.max(...values)],
]);
