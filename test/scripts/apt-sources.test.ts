import { describe, expect, it } from 'vitest';
import { backportsLine, backportsStanza } from '../../scripts/support/apt-sources.mjs';

describe('backportsStanza', () => {
  it("takes the suite's own stanza, with its mirror and key", () => {
    const text = [
      '# A comment',
      'Types: deb',
      '# another',
      'URIs: https://mirror.example/debian-security',
      'Suites: bookworm-security',
      'Components: main',
      '',
      'Types: deb deb-src',
      'URIs: https://mirror.example/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main contrib',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' abc',
      '',
    ].join('\n');
    expect(backportsStanza(text, 'bookworm')).toBe(
      [
        'Types: deb deb-src',
        'URIs: https://mirror.example/debian',
        'Suites: bookworm-backports',
        'Components: main contrib',
        'Signed-By:',
        ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
        ' .',
        ' abc',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['another suite', 'Types: deb\nURIs: u\nSuites: trixie\n'],
    ['a suite that only begins alike', 'Types: deb\nURIs: u\nSuites: bookworm-security\n'],
    ['sources only', 'Types: deb-src\nURIs: u\nSuites: bookworm\n'],
    ['a disabled stanza', 'Enabled: no\nTypes: deb\nURIs: u\nSuites: bookworm\n'],
    ['nothing', ''],
  ])('finds nothing in %s', (_, text) => {
    expect(backportsStanza(text, 'bookworm')).toBeUndefined();
  });
});

describe('backportsLine', () => {
  it("takes the suite's own line, with its options", () => {
    const text = [
      '# deb https://old.example/debian bookworm main',
      'deb-src https://mirror.example/debian bookworm main',
      'deb https://mirror.example/debian bookworm-updates main',
      'deb [arch=amd64 signed-by=/key.gpg] https://mirror.example/debian bookworm main contrib',
    ].join('\n');
    expect(backportsLine(text, 'bookworm')).toBe(
      'deb [arch=amd64 signed-by=/key.gpg] https://mirror.example/debian bookworm-backports main contrib\n',
    );
  });

  it('finds nothing where the suite is not there', () => {
    expect(backportsLine('deb https://mirror.example/debian trixie main\n', 'bookworm')).toBeUndefined();
  });
});
