// Succeeds where node_modules holds what package-lock.json says. Plain JavaScript: it runs on whatever Node is there.
import { readFileSync } from 'node:fs'

const packages = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).packages

try {
  const installed = packages('../node_modules/.package-lock.json')
  const wrong = Object.entries(packages('../package-lock.json')).filter(
    ([path, { version, optional }]) =>
      path !== '' && installed[path]?.version !== version && !(optional && installed[path] === undefined),
  )
  process.exitCode = wrong.length === 0 ? 0 : 1
} catch {
  process.exitCode = 1
}
