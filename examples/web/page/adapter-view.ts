import type { AdapterReport } from 'onelook';
import { byId, create } from './elements.ts';
import type { Store } from './state.ts';

/** Names the adapter, and says so where it is a software one. */
export function showAdapter(store: Store): void {
  store.watch(['device'], ({ device }) => {
    if (device) showAdapterReport(device.adapter);
  });
}

export function showAdapterReport(adapter: AdapterReport): void {
  const line = byId('adapter', HTMLElement);
  const advice = byId('advice', HTMLElement);
  line.replaceChildren(create('strong', {}, adapter.name), ` · ${kindOf(adapter)}`);
  line.classList.toggle('software', adapter.software);
  advice.hidden = !adapter.software;
  if (adapter.software) advice.replaceChildren(...adviceForSoftware());
}

/** What to do where WebGPU, or an adapter for it, is missing. */
export function showNoAdapter(): void {
  const line = byId('adapter', HTMLElement);
  const advice = byId('advice', HTMLElement);
  line.textContent = 'No WebGPU adapter';
  line.classList.add('software');
  advice.hidden = false;
  advice.replaceChildren(...adviceForNone());
}

function kindOf({ software, vendor, architecture }: AdapterReport): string {
  if (software) return 'a software adapter: the processor does the work';
  return [vendor, architecture].filter(Boolean).join(' ') || 'graphics adapter';
}

/** What turns WebGPU on in Chrome on Linux; https://github.com/gpuweb/gpuweb/wiki/Implementation-Status has the list. */
const LINUX_FLAGS =
  '--enable-unsafe-webgpu --ozone-platform=x11 --use-angle=vulkan --enable-features=Vulkan,VulkanFromANGLE';
const SOFTWARE_FLAGS = '--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader';

function adviceForSoftware(): HTMLElement[] {
  const text = 'If this machine has a graphics card, update its driver and the browser.';
  return isLinux()
    ? [create('p', {}, text), linuxAdvice('Then start Chrome like this:', LINUX_FLAGS)]
    : [create('p', {}, text)];
}

function adviceForNone(): HTMLElement[] {
  if (!window.isSecureContext) {
    return [create('p', {}, 'WebGPU needs a page that is served over https, or from localhost.')];
  }
  if (isLinux()) {
    return [
      linuxAdvice('To use the graphics card, update its Vulkan driver and start Chrome like this:', LINUX_FLAGS),
      linuxAdvice('Without a graphics card, the processor can do its work:', SOFTWARE_FLAGS),
      create('p', {}, 'In Firefox, set dom.webgpu.enabled on the page about:config.'),
    ];
  }
  const browsers = 'Chrome or Edge 113, Safari 26, or Firefox 141 (Windows) or 145 (macOS)';
  return [create('p', {}, `Use a browser with WebGPU, from ${browsers} on, and update the graphics driver.`)];
}

function linuxAdvice(text: string, flags: string): HTMLElement {
  return create('p', {}, `${text} `, create('code', {}, `google-chrome ${flags}`));
}

function isLinux(): boolean {
  return /Linux/.test(navigator.userAgent) && !/Android/.test(navigator.userAgent);
}
