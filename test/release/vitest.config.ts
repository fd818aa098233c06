import { defineConfig } from 'vitest/config'

/** On its own: it builds what is published and installs it from there with each language's own tools, from registries. */
export default defineConfig({
  test: {
    include: ['test/release/**/*.test.ts'],
    environment: 'node',
    setupFiles: ['test/support/remove-temporary-directories.ts'],
    testTimeout: 600_000,
    hookTimeout: 900_000,
    pool: 'forks',
    maxWorkers: 1,
  },
})
