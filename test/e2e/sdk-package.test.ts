import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { countOf, type Pair, root, startPair } from './support.ts'

/** The npm package as its user has it: packed, unpacked, typed, run by plain JavaScript. */

let pair: Pair
let folder: string
const installed = () => join(folder, 'node_modules', '@foresize', 'client')
const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  execFileSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: 'pipe',
  })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'foresize-sdk-'))
  run(process.execPath, [join(root, 'workers/typescript/package/assemble.ts'), join(folder, 'assembled')])
  run('npm', ['pack', '--silent', './assembled'])
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  mkdirSync(installed(), { recursive: true })
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed()])
  const manifest = JSON.parse(readFileSync(join(installed(), 'package.json'), 'utf8'))
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const place = join(folder, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), place)
  }
  pair = await startPair()
}, 120_000)
afterAll(async () => {
  await pair.stop()
  rmSync(folder, { recursive: true, force: true })
})

const program = `
import { createWorker } from '@foresize/client'
import { createEstimatorClient } from '@foresize/client/estimator-client'
import { createLearningScheduler } from '@foresize/client/learning-scheduler'
import { createSizer } from '@foresize/client/sizer'

const worker = createWorker()
const client = createEstimatorClient()
const learning = createLearningScheduler({ schedule: async (sized) => sized.allocated.memoryBytes }, client)
const task = { task: { namespace: 'default', task: 'packed' }, executionId: 'e', requested: { memoryBytes: 5e9 } }
const result = await worker.run({ task: 'packed', command: 'true', stdio: 'ignore' }).done
await worker.profile('packed', { n: 1 }, () => 1)
const bytes = await learning.schedule(task)
const { allocated } = await createSizer(client).size(task)
const isStored = await worker.close()
client.close()
console.log(JSON.stringify({ outcome: result.outcome, bytes, allocated, isStored }))
`

test('it runs as JavaScript, from its tarball, and reports', async () => {
  writeFileSync(join(folder, 'program.mjs'), program)
  const env = { FORESIZE_PROFILER: pair.profilerAddress, FORESIZE_ESTIMATOR: pair.estimatorAddress }
  const printed = JSON.parse(run(process.execPath, ['program.mjs'], env))
  expect(printed).toMatchObject({ outcome: 'succeeded', isStored: true })
  expect(printed).toMatchObject({ bytes: 5e9, allocated: { memoryBytes: 5e9 } })
  await pair.profile('packed', (found) => countOf(found) === 2)
})

test('its types are found, and hold', () => {
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}')
  const queue = `
import type { ResourceAwareScheduler, SizedTask } from '@foresize/client/resource-aware-scheduler'
import { runCommand } from '@foresize/client/command'
import '@foresize/client/retrying-scheduler'
import '@foresize/client/cluster-scheduler'
import '@foresize/client/metrics'
export const own: ResourceAwareScheduler<SizedTask['task'], number> = {
  schedule: async ({ allocated }: SizedTask) => allocated.memoryBytes ?? 0,
}
export const run = runCommand
`
  writeFileSync(join(folder, 'typed.ts'), `${queue}${program}`)
  writeFileSync(
    join(folder, 'wrong.ts'),
    `import { createWorker } from '@foresize/client'\ncreateWorker({ leaseMs: 'long' })\n`,
  )
  const check = (file: string) =>
    run(join(root, 'node_modules/.bin/tsc'), [
      ...[
        '--noEmit',
        '--strict',
        '--target',
        'es2024',
        '--module',
        'nodenext',
        '--types',
        'node',
        '--skipLibCheck',
        'false',
        file,
      ],
    ])
  expect(() => check('typed.ts')).not.toThrow()
  expect(() => check('wrong.ts')).toThrow()
})

test('no type of it needs a newer TypeScript than 5.4: those of the codec do', () => {
  const declarations = readdirSync(installed(), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.d.ts'),
  )
  expect(declarations.length).toBeGreaterThan(20)
  for (const name of declarations)
    expect(readFileSync(join(installed(), name), 'utf8'), name).not.toContain('@bufbuild')
})

test('CommonJS can require it', () => {
  writeFileSync(join(folder, 'program.cjs'), `console.log(typeof require('@foresize/client').createWorker)`)
  expect(run(process.execPath, ['program.cjs'])).toBe('function\n')
})

test('its launcher builds where it lies', () => {
  run('npm', ['run', '--silent', '--prefix', installed(), 'launcher'])
  expect(existsSync(join(installed(), 'workers/typescript/launcher/launch'))).toBe(true)
})
