import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { describeFailure } from '../../../cli/support/failure.ts';
import { InvalidArgumentError } from '../../../node.ts';

afterEach(() => vi.unstubAllEnvs());

describe('describeFailure', () => {
  it('is one line, and says when a failure was not foreseen', async () => {
    vi.stubEnv('ONELOOK_DEBUG', '');
    expect(describeFailure(new InvalidArgumentError('first\n  second\n'))).toBe('first; second');
    expect(describeFailure(new TypeError('a is undefined'))).toBe('unexpected failure: a is undefined');
    expect(describeFailure('thrown text')).toBe('unexpected failure: thrown text');
    const missing = await readFile('missing.txt').catch((error: unknown) => error);
    expect(describeFailure(missing)).toMatch(/^ENOENT: no such file/);
  });

  it('is the stack for who asks for it', () => {
    vi.stubEnv('ONELOOK_DEBUG', '1');
    expect(describeFailure(new InvalidArgumentError('wrong'))).toMatch(/InvalidArgumentError: wrong\n +at /);
  });
});
