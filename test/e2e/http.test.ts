import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort, type RunningService, startService } from '../../cli/pair.ts'
import { projectRoot } from '../support/manifests.ts'
import { type ServicePair, servicePair } from '../support/service-pair.ts'

/** docs/http.md, its commands run as a reader would paste them, with curl and jq. */

const page = readFileSync(join(projectRoot, 'docs/http.md'), 'utf8')
const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block ?? '')

let pair: ServicePair
let gateway: RunningService
beforeAll(async () => {
  pair = await servicePair()
  gateway = await startService({
    service: 'gateway',
    listen: `127.0.0.1:${await freePort()}`,
    flags: ['--profiler', pair.profiler.address, '--estimator', pair.estimator.address, '--metrics-listen='],
    onLog: () => {},
  })
})
afterAll(async () => {
  await gateway.stop()
  await pair.stop()
})

async function paste(block: string, address = gateway.address): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', block], {
    env: { ...process.env, FORESIZE_GATEWAY: `http://${address}` },
  })
  return stdout
}

/** The block that has `text`; there is one. */
function blockWith(text: string): string {
  const found = blocks.filter((block) => block.includes(text))
  expect(found.length, text).toBeGreaterThan(0)
  return found[0] ?? ''
}

test('every command of the page does what it says', async () => {
  const output: string[] = []
  for (const block of blocks) {
    const text = await paste(block)
    expect(text).not.toContain('"code"')
    output.push(text)
  }
  const all = output.join('\n')
  expect(all).toContain('"folded":3')
  expect(all).toMatch(/"estimate":\{"resources":\{.*"estimateToken":"/)
  expect(all).toMatch(/--mem=\d+M/)
  expect(all).toMatch(/"results":\[\{"estimate":.*\{"estimate":/)
  expect(all).toMatch(/^\{"confidence":0\.\d+/m)
  expect(all).toMatch(/"profiles":\[\{"key":\{"namespace":"default","kind":"PROFILE_KIND_TASK","task":"sort"/)
  expect(all).toContain('{"namespaces":[{"namespace":"default","tasks":"1"}]}')
  expect(all).toMatch(/"caughtUp":\{\}/)
})

test('the script goes on with what was asked for where there is no gateway', async () => {
  const nowhere = `127.0.0.1:${await freePort()}`
  expect(await paste(blockWith('memory_mb='), nowhere)).toBe('--mem=4000M\n')
})
