import { fileURLToPath } from 'node:url';

/**
 * The absolute path of something in the repository.
 * @param {string} path
 */
export function fromRoot(path) {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
