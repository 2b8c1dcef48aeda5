import { parsePythonLiteral } from './python-literal.ts';

/**
 * Class names as exporters write them: a Python or JSON list of names, or a dictionary from class number to name.
 * Undefined where the text is neither. A number without a name is called after itself.
 */
export function parseLabels(text: string): readonly string[] | undefined {
  const value = parsePythonLiteral(text);
  if (Array.isArray(value)) return value.every((name) => typeof name === 'string') ? value : undefined;
  if (!(value instanceof Map)) return undefined;
  const names = new Map<number, string>();
  for (const [key, name] of value) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= CLASS_LIMIT || typeof name !== 'string') return undefined;
    names.set(index, name);
  }
  const count = Math.max(-1, ...names.keys()) + 1;
  return Array.from({ length: count }, (_, index) => names.get(index) ?? `class ${index}`);
}

/** More classes than any detector has; a number beyond it in a file is an error of the file. */
const CLASS_LIMIT = 10_000;
