import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the run with the line "N passed, N failed, N skipped", for programs that read it. A file that fails before its
 * tests are known, and an error outside of all tests, each count as one failure.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const testModule of testModules) {
      for (const test of testModule.children.allTests()) {
        const { state } = test.result();
        count[state === 'passed' || state === 'failed' ? state : 'skipped'] += 1;
      }
      count.failed += testModule.errors().length;
    }
    process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  }
}
