/**
 * Runs a network in float32, in a page or in Node: on raw numbers, and as a detector on a picture.
 * @param {typeof import('../../../index.ts')} onelook
 * @param {import('../../../index.ts').EngineDevice} device
 * @param {string} model a URL in a page, a path in Node
 * @param {{ data: Uint8Array, width: number, height: number }} image RGB
 */
export async function runNetwork({ loadModel, Detector }, device, model, image) {
  const network = await loadModel(model, { device, precision: 'float32' });
  const [{ name, dims }] = network.inputs;
  const { data: levels } = image;
  const length = dims.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length }, (_, index) => levels[index % levels.length] / 255);
  const outputs = await network.run({ [name]: { type: 'float32', dims, data } });
  const kernels = network.plan.steps.map(({ node, kernel }) => `${node}: ${kernel.label}`);
  network.dispose();

  const detector = await Detector.load(model, { device, precision: 'float32' });
  const { detections } = await detector.detect(image, { scoreThreshold: 0.05 });
  detector.dispose();
  return {
    adapter: device.adapter,
    kernels,
    outputs: Object.entries(outputs).map(([output, { data }]) => ({ output, base64: base64(data) })),
    detections,
  };
}

/** @param {ArrayBufferView} view */
function base64({ buffer, byteOffset, byteLength }) {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const chunks = [];
  for (let start = 0; start < bytes.length; start += 8192) {
    chunks.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  }
  return btoa(chunks.join(''));
}
