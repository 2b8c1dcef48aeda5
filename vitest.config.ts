import { defineConfig } from 'vitest/config';

// One test file at a time, each in a process of its own: Dawn does not bear worker threads, and a software adapter uses
// every core by itself.
export default defineConfig({
  test: {
    reporters: ['default', './test/support/closing-line.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/browser/**'] } },
      { extends: true, test: { name: 'browser', include: ['test/browser/**/*.test.ts'] } },
    ],
  },
});
