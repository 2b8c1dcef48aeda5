// Makes sure that WebGPU in Node (Dawn) has an adapter to run on. A graphics card with its driver is left as it is; where
// there is none, Mesa's software driver (lavapipe) is installed, on Debian and Ubuntu, by root. Elsewhere it says what
// to install.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { candidateVersion, canInstallWithApt, install, installFromBackports, osRelease } from './support/apt.mjs';

// Dawn refuses the lavapipe of Mesa 22 (Debian 12's own); 25 is known to work.
const MINIMUM_MESA = 24;
const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];
/** @typedef {{ architecture: string, description: string, software: boolean, features: string[] }} AdapterProbe */
const PROBE = fileURLToPath(new URL('./support/probe-adapter.mjs', import.meta.url));

/** @returns {AdapterProbe | null} */
function probeAdapter() {
  const { stdout } = spawnSync(process.execPath, [PROBE], { encoding: 'utf8', timeout: 60_000 });
  const lastLine = (stdout ?? '').trim().split('\n').at(-1);
  return lastLine ? JSON.parse(lastLine) : null;
}

/** @param {AdapterProbe} adapter */
function describe(adapter) {
  const features = ['shader-f16', 'subgroups', 'timestamp-query'].filter((name) => adapter.features.includes(name));
  return `${adapter.software ? 'software adapter' : 'adapter'} ${adapter.description || adapter.architecture}, ${features.join(', ') || 'core features only'}`;
}

function installSoftwareDriver() {
  const { VERSION_CODENAME: codename, ID: distribution } = osRelease();
  const mesa = candidateVersion('mesa-vulkan-drivers');
  const isTooOld = mesa !== undefined && Number.parseInt(mesa, 10) < MINIMUM_MESA;
  if (distribution === 'debian' && isTooOld) installFromBackports(PACKAGES, codename);
  else install(PACKAGES);
}

function advice() {
  if (process.platform !== 'linux')
    return 'install the graphics driver of this machine, with Vulkan, Metal or Direct3D 12';
  return (
    `install the graphics card's Vulkan driver, or Mesa's software driver from version ${MINIMUM_MESA} on: as root, ` +
    `"apt-get install ${PACKAGES.join(' ')}" on Ubuntu and Debian 13, the same with "-t bookworm-backports" on Debian 12, ` +
    '"dnf install mesa-vulkan-drivers vulkan-loader" on Fedora, "apk add mesa-vulkan-swrast vulkan-loader" on Alpine'
  );
}

let adapter = probeAdapter();
if (!adapter && canInstallWithApt()) {
  console.log("No WebGPU adapter: installing Mesa's software driver ...");
  try {
    installSoftwareDriver();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}.`);
  }
  adapter = probeAdapter();
}
if (adapter) {
  console.log(`WebGPU in Node has the ${describe(adapter)}.`);
} else {
  console.error(`WebGPU in Node has no adapter: ${advice()}.`);
  process.exitCode = 1;
}
