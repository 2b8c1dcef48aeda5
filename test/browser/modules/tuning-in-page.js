/**
 * Loads the embedded network several times with tuning, one after the other.
 * @param {string} module URL of a build of onelook
 * @param {readonly object[]} tunes options for each
 * @param {'here' | 'missing' | 'forbidden'} database whether the page has IndexedDB
 * @returns for each load how many layers were timed, what is known of how many, and what was warned of; and the modules
 *   that have been loaded by then
 */
export async function loadTuned(module, tunes, database) {
  if (database !== 'here')
    Object.defineProperty(globalThis, 'indexedDB', { get: database === 'missing' ? none : refuse });
  const { Detector } = await import(module);
  const results = [];
  for (const tune of tunes) {
    let timed = 0;
    const warnings = /** @type {string[]} */ ([]);
    const detector = await Detector.load(undefined, {
      inputSize: 64,
      tune: {
        ...tune,
        onProgress: () => {
          timed++;
        },
        onWarning: (/** @type {string} */ message) => warnings.push(message),
      },
    });
    const known = Object.keys(detector.tuning.layers).length;
    detector.dispose();
    const loaded = performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1));
    results.push({ timed, known, warnings, loaded: loaded.filter((name) => name?.endsWith('.min.js')) });
  }
  return results;
}

function none() {
  return undefined;
}

/** As some private modes do. */
function refuse() {
  throw new DOMException('The operation is insecure.', 'SecurityError');
}
