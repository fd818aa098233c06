import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServicePair, servicePair } from '../support/service-pair.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pageOf = (path: string) => readFileSync(join(root, path), 'utf8')
const programs = pageOf('docs/programs.md')
const blocks = [pageOf('README.md'), programs].flatMap((page) =>
  [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? ''),
)

let pair: ServicePair
let folder: string
beforeAll(async () => {
  pair = await servicePair()
  folder = await mkdtemp(join(tmpdir(), 'foresize-readme-'))
})
afterAll(async () => {
  await pair.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Runs what a reader would paste, against a pair on ports of its own. */
const paste = async (block: string) => {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', block], {
    cwd: root,
    env: {
      ...process.env,
      PATH: `${join(root, 'cli')}:${join(root, 'node_modules/.bin')}:${process.env['PATH']}`,
      TMPDIR: folder,
      FORESIZE_PROFILER: pair.profiler.address,
      FORESIZE_ESTIMATOR: pair.estimator.address,
    },
  })
  return stdout
}

describe('the README and the page of programs', () => {
  test('do what they say, block by block', async () => {
    expect(blocks.length).toBeGreaterThanOrEqual(4)
    const output: string[] = []
    for (const block of blocks) output.push(await paste(block))
    const all = output.join('\n')
    expect(all).toMatch(/sort: [\d.]+ % sure to suffice, from profile \([5-8] executions/)
    // The last run may be on its way to the estimator.
    expect(all).toMatch(/give it \d+ MB, [\d.]+ % sure to suffice: (9|10) executions/)
    expect(all).toMatch(/memory_bytes: [34]\d{8}/)
    // On a busy machine the first ask may pass its deadline, and the report of a run the time it has at the end.
    expect(all).toMatch(/^(unknown-task|unavailable): 1500 MB\n[\s\S]*^learned: \d{2,3} MB$/m)
  }, 240_000)

  test('show the program that wraps a queue as it is', () => {
    expect(programs).toContain(readFileSync(join(root, 'examples/own-queue.ts'), 'utf8'))
  })

  test('and no page points at what is not there', () => {
    const pages = [
      'README.md',
      ...['CONTRIBUTING.md', 'RELEASING.md', 'SECURITY.md', 'CHANGELOG.md'],
      ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ]
    const dangling = pages.flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, link]) => link ?? '')
        .filter((link) => !existsSync(join(root, dirname(page), link)))
        .map((link) => `${page}: ${link}`),
    )
    expect(pages.length).toBeGreaterThan(10)
    expect(dangling).toEqual([])
  })
})
