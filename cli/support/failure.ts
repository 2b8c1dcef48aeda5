import { OneLookError } from '../../engine/errors.ts';

/**
 * One line for a person. Failures that a user can cause speak for themselves; of anything else the message is all that
 * helps, unless ONELOOK_DEBUG asks for the stack.
 */
export function describeFailure(error: unknown): string {
  if (process.env.ONELOOK_DEBUG && error instanceof Error) return String(error.stack);
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replace(/\s*\n\s*/g, '; ').trim();
  return error instanceof OneLookError || isSystemError(error) ? line : `unexpected failure: ${line}`;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
