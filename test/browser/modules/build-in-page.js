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
    const loaded = performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1));
    results.push({ ...outcome, loaded: loaded.filter((name) => name.endsWith('.min.js')) });
  }
  return results;
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
