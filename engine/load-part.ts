import { ModuleLoadError } from './errors.ts';

/**
 * A part of the library that most callers never need, such as the reader of one file format: it lies in a module of its
 * own, loaded when it is first asked for.
 *
 * @param what For messages: what can't be done without it.
 * @param load `() => import(...)`, written out, for bundlers look for it.
 * @throws ModuleLoadError
 */
export async function loadPart<T>(what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModuleLoadError(
      `the module for ${what} can't be loaded (${reason}); it must lie beside the main module of onelook`,
      { cause },
    );
  }
}
