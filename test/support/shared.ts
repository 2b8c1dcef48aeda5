import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** Set where the files must be there, as in continuous integration: then a missing one is an error instead of a skip. */
const REQUIRED = process.env.ONELOOK_REQUIRE_SHARED === '1';

/**
 * The path of a file or folder among the large test files that lie beside the repository (`../shared`), or undefined where
 * it is missing. Use with `describe.skipIf(!path)` and say in the test's name that it needs the file.
 * @throws if the file is missing and the variable ONELOOK_REQUIRE_SHARED is 1
 */
export function sharedPath(...parts: string[]): string | undefined {
  const path = SHARED + parts.join('/');
  if (existsSync(path)) return path;
  if (REQUIRED) throw new Error(`${path} is missing, and ONELOOK_REQUIRE_SHARED=1 asks for it`);
  return undefined;
}
