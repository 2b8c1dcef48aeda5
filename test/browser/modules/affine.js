const STORAGE = 0x80;
const COPY_SOURCE = 0x04;
const COPY_DESTINATION = 0x08;
const MAP_READ = 0x01;

const WGSL = `
  @group(0) @binding(0) var<storage, read_write> values: array<f32>;
  @compute @workgroup_size(4)
  fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    values[id.x] = values[id.x] * 3.0 + 0.1;
  }`;

/**
 * The smallest use of a device, in a page or in Node: 3x + 0.1 of each value.
 * @param {GPUDevice} device
 * @param {readonly number[]} values a multiple of 4 of them
 * @returns {Promise<number[]>}
 */
export async function affine(device, values) {
  const input = new Float32Array(values);
  const buffer = device.createBuffer({ size: input.byteLength, usage: STORAGE | COPY_SOURCE | COPY_DESTINATION });
  const readback = device.createBuffer({ size: input.byteLength, usage: MAP_READ | COPY_DESTINATION });
  device.queue.writeBuffer(buffer, 0, input);
  const module = device.createShaderModule({ code: WGSL });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const bindGroup = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(values.length / 4);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, readback, 0, input.byteLength);
  device.queue.submit([encoder.finish()]);
  await readback.mapAsync(MAP_READ);
  return [...new Float32Array(readback.getMappedRange())];
}
