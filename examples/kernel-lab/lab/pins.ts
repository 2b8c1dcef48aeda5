/** Kernel names by layer keys: a choice of kernels that a tuner takes as it is. */
export type Pins = Readonly<Record<string, string>>;

export function pinsJson(pins: Pins): string {
  return `${JSON.stringify(pins, null, 1)}\n`;
}

/** Undefined where the text is no such table. */
export function readPins(text: string): Pins | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.values(value).every((name) => typeof name === 'string') ? (value as Pins) : undefined;
  } catch {
    return undefined;
  }
}
