import { OneLookError } from 'onelook/lab';

/** One sentence for people about anything that was thrown. */
export function sentence(error: unknown): string {
  const [message] = (error instanceof Error ? error.message : String(error)).trim().split('\n');
  const text = error instanceof OneLookError ? message : `Something went wrong that should not: ${message}`;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
