import { OneLookError } from 'onelook';

/** A failure that the page itself can explain. */
export class PageError extends Error {}

/** One sentence for people about anything that was thrown. */
export function sentence(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim().split('\n')[0];
  const isUnknown = !(error instanceof OneLookError || error instanceof PageError);
  const text = isUnknown ? `Something went wrong that should not: ${message}` : withReason(message);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Browsers hide why a download failed. */
function withReason(message: string): string {
  const isHidden = /: (Failed to fetch|NetworkError when attempting to fetch resource\.?|Load failed)$/.test(message);
  return isHidden ? `${message} (is the address right, and does its server let other sites read it?)` : message;
}
