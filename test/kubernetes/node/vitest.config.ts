import { defineConfig } from 'vitest/config'

/** `make test-kubernetes NODE=1`: inside the namespaces of enter.sh. */
export default defineConfig({
  test: {
    include: ['test/kubernetes/node/**/*.test.ts'],
    environment: 'node',
    setupFiles: ['test/support/remove-temporary-directories.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    pool: 'forks',
    maxWorkers: 1,
    sequence: { hooks: 'stack' },
  },
})
