// Makes sure that the browser tests have a Chromium: finds one, or installs Debian's where it may. Without one those tests
// are skipped, so this is no failure.
import { canInstallWithApt, install, osRelease } from './support/apt.mjs';
import { findChromium } from './support/chromium.mjs';

// Ubuntu's package of the same name needs snap, which containers lack.
if (!findChromium() && canInstallWithApt() && osRelease().ID === 'debian') {
  console.log('No Chromium: installing it from Debian ...');
  try {
    install(['chromium']);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}.`);
  }
}
const chromium = findChromium();
console.log(
  chromium
    ? `The browser tests use ${chromium}.`
    : 'The browser tests will be skipped: install Chromium or Chrome, or name it in the variable CHROME_PATH.',
);
