import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countOf, type Pair, startPair } from '../e2e/support.ts'
import { pathWith, type Released, releaseOf, runIn } from './released.ts'

/** The npm packages, installed from their files by npm in an empty folder, on each Node that they promise. */

let released: Released
let pair: Pair
let folder: string
const nodeOf = (major: number) => join(folder, 'nodes', 'node_modules', `node-${major}`, 'bin', 'node')
const promised = [22, 24]

beforeAll(async () => {
  released = releaseOf('npm')
  folder = released.folder('npm')
  const quiet = ['install', '--no-audit', '--no-fund', '--loglevel=error']
  runIn(folder, 'npm', [
    ...quiet,
    '--prefix',
    folder,
    released.file('foresize-0', '.tgz'),
    released.file('foresize-client', '.tgz'),
  ])
  const nodes = released.folder('npm/nodes')
  writeFileSync(join(nodes, 'package.json'), '{}')
  const named = [20, ...promised].map(
    (major) => `node-${major}@npm:node-${process.platform}-${process.arch}@${major}`,
  )
  runIn(nodes, 'npm', [...quiet, '--prefix', nodes, ...named])
  pair = await startPair()
})
afterAll(async () => {
  await pair.stop()
  released.remove()
})

const where = () => ({ FORESIZE_PROFILER: pair.profilerAddress, FORESIZE_ESTIMATOR: pair.estimatorAddress })
const foresize = (major: number, ...args: readonly string[]) =>
  runIn(folder, join(folder, 'node_modules/.bin/foresize'), args, {
    ...where(),
    PATH: pathWith(nodeOf(major)),
  })

describe.each(promised)('on Node %d', (major) => {
  test('the command runs, reports and answers', async () => {
    expect(foresize(major, '--version')).toMatch(/^foresize \d+\.\d+\.\d+\n$/)
    foresize(major, 'run', '--task', `cli-${major}`, '--', 'sleep', '0.2')
    await pair.profile(`cli-${major}`, (found) => countOf(found) === 1)
    expect(foresize(major, 'profiles', 'list')).toContain(`cli-${major}`)
    expect(foresize(major, 'help', 'estimate')).toContain('--previous-outcome')
    const plugin = join(folder, 'node_modules/.bin/kubectl-foresize')
    expect(runIn(folder, plugin, ['--help'], { PATH: pathWith(nodeOf(major)) })).toContain(
      'kubectl foresize top',
    )
  })

  test('the services start', () => {
    const main = (service: string) => join(folder, 'node_modules/foresize/services', service, 'main.js')
    for (const service of ['profiler', 'estimator', 'gateway']) {
      expect(runIn(folder, nodeOf(major), [main(service), '--help'])).toContain('--listen')
    }
  })

  test('a program reports by @foresize/client, and asks', async () => {
    const task = `client-${major}`
    writeFileSync(
      join(folder, 'program.mjs'),
      `import { createWorker } from '@foresize/client'
import { createEstimatorClient } from '@foresize/client/estimator-client'
const worker = createWorker()
const { outcome } = await worker.run({ task: '${task}', command: 'sleep', args: ['0.1'], stdio: 'ignore' }).done
const isStored = await worker.close()
const client = createEstimatorClient()
const task = { namespace: 'default', task: '${task}' }
const given = { features: {}, labels: {}, requested: {}, attempt: 1, previousAllocation: {}, policy: {}, executionId: '' }
const answer = await client.estimate({ task, ...given })
client.close()
console.log(outcome, isStored, typeof answer)
`,
    )
    expect(runIn(folder, nodeOf(major), ['program.mjs'], where())).toBe('succeeded true object\n')
    await pair.profile(task, (found) => countOf(found) === 1)
  })
})

test('Node 20 is refused with one line', () => {
  const refusal = (() => {
    try {
      foresize(20, '--version')
      return ''
    } catch (error) {
      return (error as { readonly stderr: string }).stderr
    }
  })()
  expect(refusal).toMatch(/^foresize: needs Node 22\.12 or newer, this is v20\.\S+\n$/)
})

test('manual pages come with it, and the checksums are those of the files', () => {
  const installed = join(folder, 'node_modules/foresize')
  const { man } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { man: string[] }
  expect(man).toContain('man/foresize-estimate.1')
  for (const page of man) expect(existsSync(join(installed, page)), page).toBe(true)
  expect(runIn(released.built, 'sha256sum', ['--check', 'SHA256SUMS'])).toMatch(/foresize-client.*: OK/)
})
