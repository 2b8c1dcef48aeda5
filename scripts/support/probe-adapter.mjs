// Prints, as JSON, the adapter that Dawn gives in this process, or null. A process of its own, because a Vulkan driver is
// looked for only once per process, and because a broken driver may end it.
import { create } from 'webgpu';

// Dawn crashes if the object that create() returned is collected.
const gpu = create(['enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis']);
Object.assign(globalThis, { onelookDawn: gpu });
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
const report = adapter && {
  vendor: adapter.info.vendor,
  architecture: adapter.info.architecture,
  description: adapter.info.description,
  software: adapter.info.isFallbackAdapter,
  features: [...adapter.features],
};
process.stdout.write(`${JSON.stringify(report)}\n`);
