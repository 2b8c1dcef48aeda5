// What the set-up scripts need from apt: which distribution this is, and installing packages, from the distribution's
// backports where asked. The backports source is derived from the sources that apt already has, so a mirror stays in use.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { backportsLine, backportsStanza } from './apt-sources.mjs';

const SOURCE_LIST = '/etc/apt/sources.list';
const SOURCE_PARTS = '/etc/apt/sources.list.d';

/** True where packages can be installed: apt-get is there and the user is root. */
export function canInstallWithApt() {
  return process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/**
 * The fields of /etc/os-release, or an empty object where there is none.
 * @returns {Readonly<Record<string, string>>}
 */
export function osRelease() {
  if (!existsSync('/etc/os-release')) return {};
  const lines = readFileSync('/etc/os-release', 'utf8').matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, key, value]) => [key, value]));
}

/**
 * The version of a package that apt would install, or undefined where it knows none even with fresh lists.
 * @param {string} packageName
 */
export function candidateVersion(packageName) {
  const known = knownVersion(packageName);
  if (known) return known;
  updateLists();
  return knownVersion(packageName);
}

/** @param {string} packageName */
function knownVersion(packageName) {
  const policy = spawnSync('apt-cache', ['policy', packageName], { encoding: 'utf8' }).stdout ?? '';
  const version = /Candidate:\s*(\S+)/.exec(policy)?.[1];
  return version === '(none)' ? undefined : version;
}

/**
 * Refreshes apt's lists. A third-party source that fails must not stop us: the installation itself will tell.
 * @param {readonly string[]} [aptOptions]
 */
export function updateLists(aptOptions = []) {
  aptGet(['update', ...aptOptions]);
}

/**
 * Installs packages without the recommended ones, refreshing apt's lists where they are missing or out of date.
 * @param {readonly string[]} packages
 * @throws if apt-get fails
 */
export function install(packages) {
  if (tryInstall(packages)) return;
  updateLists();
  if (!tryInstall(packages)) throw new Error(`apt-get could not install ${packages.join(' ')}`);
}

/**
 * Installs packages from `<codename>-backports`; apt's own list of sources stays as it is.
 * @param {readonly string[]} packages
 * @param {string} codename
 * @throws if apt-get fails, or no source of the distribution's own is there
 */
export function installFromBackports(packages, codename) {
  const source = backportsSource(codename);
  if (source === undefined) throw new Error(`apt has no source for the suite ${codename} to derive its backports from`);
  const folder = mkdtempSync(join(tmpdir(), 'onelook-apt-'));
  try {
    for (const file of sourceFiles()) {
      if (file !== SOURCE_LIST) symlinkSync(file, join(folder, basename(file)));
    }
    writeFileSync(join(folder, source.file), source.text);
    const options = ['-o', `Dir::Etc::sourceparts=${folder}`];
    updateLists(options);
    if (!tryInstall(packages, ['-t', `${codename}-backports`, ...options])) {
      throw new Error(`apt-get could not install ${packages.join(' ')} from ${codename}-backports`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} packages
 * @param {readonly string[]} [aptOptions]
 */
function tryInstall(packages, aptOptions = []) {
  return aptGet(['install', '--yes', '--no-install-recommends', ...aptOptions, ...packages]);
}

/**
 * Runs apt-get, quietly unless it fails. True where it succeeded.
 * @param {readonly string[]} args
 */
function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) process.stderr.write(stderr);
  return status === 0;
}

function sourceFiles() {
  const parts = existsSync(SOURCE_PARTS) ? readdirSync(SOURCE_PARTS).map((name) => join(SOURCE_PARTS, name)) : [];
  return [SOURCE_LIST, ...parts].filter((file) => /\.(list|sources)$/.test(file) && existsSync(file));
}

/**
 * The source of a suite's backports, and the name of a file for it.
 * @param {string} codename
 */
function backportsSource(codename) {
  for (const file of sourceFiles()) {
    const isStanzas = file.endsWith('.sources');
    const text = readFileSync(file, 'utf8');
    const found = isStanzas ? backportsStanza(text, codename) : backportsLine(text, codename);
    if (found !== undefined) return { text: found, file: `onelook-backports.${isStanzas ? 'sources' : 'list'}` };
  }
  return undefined;
}
