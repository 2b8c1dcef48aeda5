// A suite's backports lie on the same server under the same key, so their source is the suite's own with another name.

/**
 * From a file in the deb822 format: stanzas of `Field: value`, a value going on over lines that begin with a space.
 * @param {string} text
 * @param {string} codename of the suite, such as 'bookworm'
 * @returns {string | undefined} undefined where the file has no source of that suite
 */
export function backportsStanza(text, codename) {
  for (const stanza of text.replace(/^#.*\n/gm, '').split(/\n\s*\n/)) {
    const suites = /^Suites:(.*)$/im.exec(stanza)?.[1].trim().split(/\s+/) ?? [];
    const isBinary = /^Types:.*\bdeb\b(?!-)/im.test(stanza);
    const isDisabled = /^Enabled:\s*no/im.test(stanza);
    if (isBinary && !isDisabled && suites.includes(codename)) {
      return `${stanza.trim().replace(/^Suites:.*$/im, `Suites: ${codename}-backports`)}\n`;
    }
  }
  return undefined;
}

/**
 * From a file in the one-line format: `deb [options] uri suite component...`.
 * @param {string} text
 * @param {string} codename of the suite, such as 'bookworm'
 * @returns {string | undefined} undefined where the file has no source of that suite
 */
export function backportsLine(text, codename) {
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line);
    if (!match) continue;
    const [, options = '', uri, suite, components] = match;
    if (suite === codename) return `deb ${options}${uri} ${codename}-backports ${components}\n`;
  }
  return undefined;
}
