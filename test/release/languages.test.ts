import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countOf, type Pair, startPair } from '../e2e/support.ts'
import { type Released, releaseOf, runIn } from './released.ts'

/** What is published for other languages, installed or generated from its files in empty folders, by their own tools. */

let released: Released
let pair: Pair
beforeAll(async () => {
  released = releaseOf('python', 'go', 'protos')
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

describe('the contract alone generates with plain protoc', () => {
  let folder: string
  let protoc: (...args: readonly string[]) => string
  const generated = () => readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' })
  beforeAll(() => {
    folder = released.folder('proto')
    runIn(folder, 'tar', ['--strip-components=1', '-xzf', released.file('foresize-proto', '.tar.gz')])
    mkdirSync(join(folder, 'out'))
    runIn(folder, 'python3', ['-m', 'venv', 'venv'])
    const python = join(folder, 'venv/bin/python')
    runIn(folder, python, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      'grpcio-tools==1.74.0',
    ])
    const files = readdirSync(join(folder, 'foresize/v1')).map((name) => `foresize/v1/${name}`)
    protoc = (...args) => runIn(folder, python, ['-m', 'grpc_tools.protoc', '-I', '.', ...args, ...files])
  })

  test('Java: a class a message, in its package', () => {
    protoc('--java_out=out')
    expect(generated()).toContain('io/foresize/v1/EstimateRequest.java')
  })
  test('C#: in its namespace', () => {
    protoc('--csharp_out=out')
    const name = generated().find((each) => each.endsWith('EstimatorService.cs')) ?? ''
    expect(readFileSync(join(folder, 'out', name), 'utf8')).toContain('namespace Foresize.V1 {')
  })
  test('Go: with no mapping of files', () => {
    runIn(folder, 'go', ['install', 'google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.11'], {
      GOBIN: folder,
    })
    protoc(`--plugin=protoc-gen-go=${join(folder, 'protoc-gen-go')}`, '--go_out=out')
    expect(generated()).toContain(
      'github.com/foresize/foresize/workers/go/foresizev1/estimator_service.pb.go',
    )
  })
})
