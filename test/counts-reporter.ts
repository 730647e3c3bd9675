// Prints each skipped test with its reason, and as the last line how many passed, failed and were skipped.

import type { Reporter, TestCase, TestModule } from 'vitest/node';

export function countsReporter(): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const tests = modules.flatMap((module) => [...module.children.allTests()]);
      const skipped = tests.filter((test) => stateOf(test) === 'skipped');
      const failed = tests.filter((test) => stateOf(test) === 'failed');
      const broken = modules.filter(isBroken).length + unhandledErrors.length;
      for (const test of skipped) console.log(`SKIPPED: ${test.fullName}: ${reasonOf(test)}`);
      const passed = tests.length - skipped.length - failed.length;
      console.log(`${passed} passed, ${failed.length + broken} failed, ${skipped.length} skipped`);
    },
  };
}

function stateOf(test: TestCase): 'passed' | 'failed' | 'skipped' {
  const { state } = test.result();
  return state === 'pending' ? 'failed' : state;
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given';
}

/** A file that failed outside its tests, such as by an import, has no failed test to count. */
function isBroken(module: TestModule): boolean {
  return module.errors().length > 0;
}
