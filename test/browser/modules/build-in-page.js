/**
 * @param {string} module URL of a build of onelook
 * @param {(string | readonly number[])[]} models URLs, or bytes
 * @returns for each model its operators, or what was thrown; and the modules that have been loaded by then
 */
export async function check(module, models) {
  const onelook = await import(module);
  const results = [];
  for (const model of models) {
    const outcome = await checkModel(onelook, typeof model === 'string' ? model : Uint8Array.from(model));
    results.push({ ...outcome, loaded: loadedModules() });
  }
  return results;
}

/**
 * @param {string} module URL of a build of onelook
 * @param {readonly number[]} model bytes of a network from x to y, both [1, N]
 * @param {readonly number[]} numbers x
 * @returns y, and the modules that have been loaded by then
 */
export async function run(module, model, numbers) {
  const { loadModel } = await import(module);
  const network = await loadModel(Uint8Array.from(model), { precision: 'float32' });
  const x = { type: 'float32', dims: [1, numbers.length], data: Float32Array.from(numbers) };
  const { y } = await network.run({ x });
  network.dispose();
  return { y: Array.from(y.data), loaded: loadedModules() };
}

/** Minified ones, in the order in which they were asked for. */
function loadedModules() {
  const loaded = performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1));
  return loaded.filter((name) => name.endsWith('.min.js'));
}

async function checkModel(onelook, model) {
  try {
    const { graph } = await onelook.checkModel(model);
    return { operators: graph.nodes.map(({ op }) => op.type) };
  } catch (error) {
    const classes = ['ModelFormatError', 'ModuleLoadError'].filter((name) => error instanceof onelook[name]);
    return { thrown: { classes, message: error.message } };
  }
}

/**
 * What the embedded network detects.
 * @param {string} module URL of a build of onelook
 * @param {string} picture URL
 */
export async function detect(module, picture) {
  const { Detector } = await import(module);
  const detector = await Detector.load();
  const image = await createImageBitmap(await (await fetch(picture)).blob());
  const { detections } = await detector.detect(image);
  detector.dispose();
  return detections;
}
