import { OneLookError } from '../../node.ts';

/**
 * One line for a person. Failures that a user can cause speak for themselves; of anything else the message is all that
 * helps, unless ONELOOK_DEBUG asks for the stack.
 */
export function describeFailure(error: unknown): string {
  if (process.env.ONELOOK_DEBUG && error instanceof Error) return String(error.stack);
  const line = oneLine(error instanceof Error ? error.message : String(error), '; ');
  return error instanceof OneLookError || isSystemError(error) ? line : `unexpected failure: ${line}`;
}

export function oneLine(text: string, separator: string): string {
  return text.trim().replace(/\s*\n\s*/g, separator);
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
