import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countOf, type Pair, startPair } from '../e2e/support.ts'
import { type Released, releaseOf, runIn } from './released.ts'

/** The SDKs of other languages, installed from their files in empty folders by their own tools. */

let released: Released
let pair: Pair
beforeAll(async () => {
  released = releaseOf('python', 'go')
  pair = await startPair()
})
afterAll(async () => {
  await pair.stop()
  released.remove()
})
const where = () => ({ FORESIZE_PROFILER: pair.profilerAddress, FORESIZE_ESTIMATOR: pair.estimatorAddress })

describe('Python', () => {
  test.each([
    ['wheel', '.whl'],
    ['sdist', '.tar.gz'],
  ])('the %s installs, is typed, and reports', async (kind, suffix) => {
    const folder = released.folder(`python-${kind}`)
    runIn(folder, 'python3', ['-m', 'venv', 'venv'])
    const python = join(folder, 'venv/bin/python')
    const file = released.file('foresize-0', suffix)
    runIn(folder, python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', file])
    const task = `python-${kind}`
    const program = [
      'import foresize, importlib.resources as r',
      'assert r.files("foresize").joinpath("py.typed").is_file()',
      `print(foresize.run(["sleep", "0.1"], task="${task}").outcome)`,
    ]
    expect(runIn(folder, python, ['-c', program.join('\n')], where())).toBe('succeeded\n')
    await pair.profile(task, (found) => countOf(found) === 1)
  })
})

test('Go: the module resolves by its version, builds and reports', async () => {
  const folder = released.folder('go')
  const module = 'github.com/foresize/foresize/workers/go'
  const proxies = [`file://${join(released.built, 'go')}`, runIn(folder, 'go', ['env', 'GOPROXY']).trim()]
  const env = { GOPROXY: proxies.join(','), GONOSUMDB: module }
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  const readme = readFileSync(join(import.meta.dirname, '../../workers/go/README.md'), 'utf8')
  writeFileSync(join(folder, 'main.go'), /```go\n(package main[\s\S]*?)```/.exec(readme)?.[1] ?? '')
  runIn(folder, 'go', ['mod', 'init', 'example.org/own'])
  runIn(folder, 'go', ['get', `${module}@v${version}`], env)
  runIn(folder, 'go', ['build', '-o', 'own', '.'], env)
  runIn(folder, join(folder, 'own'), [], where())
  await pair.profile('sort', (found) => countOf(found) >= 1)
})
