import { defineConfig } from 'vitest/config'

/** `make test-kubernetes`: not part of `make test`, since it builds an API server first. */
export default defineConfig({
  test: {
    include: ['test/kubernetes/*.test.ts'],
    environment: 'node',
    setupFiles: ['test/support/remove-temporary-directories.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 1,
    sequence: { hooks: 'stack' },
  },
})
