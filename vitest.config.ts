import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'
import { SlowSuitesFirst } from './test/support/slow-suites-first.ts'

/** Coverage is Node's own, of the sources as Node loads them, so that it adds up with that of the processes spawned. */
const isCovered = process.env['NODE_V8_COVERAGE'] !== undefined
const covering = isCovered
  ? { experimental: { viteModuleRunner: false, nodeLoader: false } }
  : {
      // Of the hundreds of processes that the tests start, each compiles what it runs but once.
      env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '.foresize', 'compile-cache') },
    }

/** Properties are tried so many times as often where that is asked for. */
const areLonger = process.env['FORESIZE_TEST_PROPERTY_TIMES'] !== undefined
const longer = areLonger
  ? {
      resolve: {
        alias: [
          { find: /^fast-check$/, replacement: `${import.meta.dirname}/test/support/longer-properties.ts` },
        ],
      },
    }
  : {}

export default defineConfig({
  ...longer,
  test: {
    include: ['test/**/*.test.ts'],
    // With configurations of their own: they build an API server first, or what is published.
    exclude: [...configDefaults.exclude, 'test/kubernetes/**', 'test/release/**'],
    environment: 'node',
    testTimeout: areLonger ? 1_200_000 : 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    sequence: { hooks: 'stack', sequencer: SlowSuitesFirst },
    setupFiles: [
      ...(isCovered ? ['test/support/write-coverage.ts'] : []),
      'test/support/remove-temporary-directories.ts',
    ],
    ...covering,
  },
})
