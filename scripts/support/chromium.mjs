import { existsSync } from 'node:fs';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];

/**
 * The Chromium (or Chrome) to test with: the one that the variable CHROME_PATH names, or the first in the usual places.
 * @returns {string | undefined}
 */
export function findChromium() {
  const { CHROME_PATH } = process.env;
  return CHROME_PATH ? CHROME_PATH : PLACES.find((path) => existsSync(path));
}

/**
 * The Vulkan driver description of SwiftShader, the software adapter that Debian's Chromium brings; Node can use it too.
 * @returns {string | undefined}
 */
export function findSwiftShaderDriver() {
  return ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/lib/chromium-browser/vk_swiftshader_icd.json'].find(
    (path) => existsSync(path),
  );
}
