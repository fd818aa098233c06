import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPresent } from '../conformance/sdks.ts'
import { countOf, type Pair, startPair } from '../e2e/support.ts'
import { pathOf, type Released, releaseOf, runIn } from './released.ts'

/** The contract's files alone, with plain protoc, which Maven Central has: what is generated compiles, reports and asks. */

const examples = join(import.meta.dirname, '..', '..', 'examples')
const toolchain = (name: string, command: string, toolchain: string) =>
  isPresent({ name, needs: { path: pathOf(command) ?? command, toolchain } }, 'plain protoc')
const hasMaven = toolchain('Java and C#', 'mvn', 'Maven and a JDK from 11 on')
const hasCargo = hasMaven && toolchain('Rust', 'cargo', 'Rust 1.88 or newer')
const hasGo = hasMaven && toolchain('Go', 'go', 'Go 1.24 or newer')

let released: Released
let pair: Pair
let protos: string
let protoc: (...args: readonly string[]) => string

beforeAll(async () => {
  released = releaseOf('protos')
  protos = released.folder('protos')
  runIn(protos, 'tar', ['--strip-components=1', '-xzf', released.file('foresize-proto', '.tar.gz')])
  if (hasMaven) protoc = protocIn(protos, fetched('com.google.protobuf:protoc:4.34.1'))
  pair = await startPair()
})
afterAll(async () => {
  await pair.stop()
  released.remove()
})

/** A program of Maven Central, of this machine's kind. */
function fetched(artifact: string): string {
  const folder = released.folder(`tools/${artifact.replaceAll(':', '-')}`)
  const kind = { x64: 'linux-x86_64', arm64: 'linux-aarch_64' }[process.arch as string]
  const args = ['-B', '-q', 'dependency:copy', `-Dartifact=${artifact}:exe:${kind}`, '-DoutputDirectory=.']
  runIn(folder, 'mvn', args)
  const program = join(folder, readdirSync(folder)[0] ?? '')
  chmodSync(program, 0o755)
  return program
}

function protocIn(folder: string, program: string): typeof protoc {
  const files = readdirSync(join(folder, 'foresize/v1')).map((name) => `foresize/v1/${name}`)
  return (...args) => runIn(folder, program, ['-I', '.', ...args, ...files])
}

const where = () => ({ FORESIZE_PROFILER: pair.profilerAddress, FORESIZE_ESTIMATOR: pair.estimatorAddress })
const generated = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' })
const answered = /stored 1\ngive it \d+ MB\n/

if (hasMaven) {
  test('Java: a class a message, in its package; the example builds, reports and asks', async () => {
    const folder = released.folder('java')
    cpSync(join(examples, 'java'), folder, { recursive: true })
    const out = join(folder, 'generated')
    mkdirSync(out)
    const stubs = fetched('io.grpc:protoc-gen-grpc-java:1.79.0')
    protoc(
      `--java_out=${out}`,
      `--plugin=protoc-gen-grpc-java=${stubs}`,
      `--grpc-java_out=@generated=omit:${out}`,
    )
    expect(generated(out)).toContain('io/foresize/v1/EstimateRequest.java')
    expect(runIn(folder, 'mvn', ['-B', '-q', 'compile', 'exec:java'], where())).toMatch(answered)
    await pair.profile('java', (found) => countOf(found) === 1)
  })

  test('C#: in its namespace', () => {
    const out = released.folder('csharp')
    protoc(`--csharp_out=${out}`)
    expect(readFileSync(join(out, 'EstimatorService.cs'), 'utf8')).toContain('namespace Foresize.V1 {')
  })
}

if (hasCargo) {
  test('Rust: the example builds with tonic, reports and asks', async () => {
    const folder = released.folder('rust')
    cpSync(join(examples, 'rust'), folder, { recursive: true })
    cpSync(protos, join(folder, 'proto'), { recursive: true })
    const env = { PROTOC: fetched('com.google.protobuf:protoc:4.34.1'), ...where() }
    expect(runIn(folder, 'cargo', ['run', '--quiet'], env)).toMatch(answered)
    await pair.profile('rust', (found) => countOf(found) === 1)
  })
}

if (hasGo) {
  test('Go: with no mapping of files', () => {
    const folder = released.folder('go')
    runIn(folder, 'go', ['install', 'google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.11'], {
      GOBIN: folder,
    })
    protoc(`--plugin=protoc-gen-go=${join(folder, 'protoc-gen-go')}`, `--go_out=${folder}`)
    expect(generated(folder)).toContain(
      'github.com/foresize/foresize/workers/go/foresizev1/estimator_service.pb.go',
    )
  })
}

test('the files are those of the contract, each under its licence', () => {
  expect(generated(protos)).toEqual(expect.arrayContaining(['LICENSE', 'foresize/v1/resources.proto']))
})
