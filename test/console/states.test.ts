import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { estimatorFixture } from '../support/estimator-fixture.ts'
import { type GatewayFixture, gatewayFixture } from '../support/gateway-fixture.ts'
import { type TestProfiler, testProfiler } from '../support/profiler-service.ts'
import { type TokenEntry, writeTokens } from '../support/secure-services.ts'
import { type Browser, inBrowser, startBrowser } from './chromium.ts'

/** The console before a pair that asks for tokens, with many tasks, and before one that goes away. */

const operator: TokenEntry = {
  token: 'operator-token',
  name: 'operator',
  roles: ['operator'],
  namespaces: ['many'],
}
const worker: TokenEntry = { token: 'w', name: 'worker', roles: ['worker'], namespaces: ['*'] }
const follower: TokenEntry = { token: 'e', name: 'estimator', roles: ['estimator'], namespaces: ['*'] }
const tasks = 10_000

/** CPU time of the page's main thread so far: what else the machine does is not in it. */
async function mainThreadMs(page: Page): Promise<() => Promise<number>> {
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await devTools.send('Performance.getMetrics')
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0)
  }
}

inBrowser('console-states', () => {
  let folder: string
  let profiler: TestProfiler
  let estimator: Awaited<ReturnType<typeof estimatorFixture>>
  let gateway: GatewayFixture
  let browser: Browser

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'foresize-states-'))
    const tokensFile = join(folder, 'tokens.json')
    await writeTokens(tokensFile, [operator, worker, follower])
    await writeFile(join(folder, 'follower'), follower.token)
    profiler = await testProfiler({ store: 'memory', tokensFile })
    const profilerTokenFile = join(folder, 'follower')
    estimator = await estimatorFixture({ profiler: profiler.address, profilerTokenFile, tokensFile })
    gateway = await gatewayFixture({ profiler: profiler.address, estimator: estimator.address })
    for (let from = 0; from < tasks; from += 1000) {
      const executions = Array.from({ length: 1000 }, (_, i) => ({
        execution_id: `${from + i}`,
        task: { namespace: 'many', task: `task/${String(from + i).padStart(5, '0')}` },
        allocated: { memory_bytes: 2e9 },
        used: { memory_bytes: 1e5 * (from + i), duration_ms: 1e5 },
        outcome: 'OUTCOME_SUCCEEDED',
      }))
      const authorization = `Bearer ${worker.token}`
      const { status } = await gateway.post(
        'ProfilerService/UpdateProfile',
        { executions },
        { authorization },
      )
      expect(status).toBe(200)
    }
    browser = await startBrowser(gateway.origin)
  })
  afterAll(async () => {
    await browser.close()
    await gateway.stop()
    await estimator.close()
    await profiler.stop()
    await rm(folder, { recursive: true })
  })

  async function openWithToken(address: string) {
    const page = await browser.open(address)
    await page.getByLabel(/^Token/).fill(operator.token)
    await page.getByRole('button', { name: 'Use it' }).click()
    return page
  }

  test('a token is asked for, one that is refused is said to be, and none outlives the page', async () => {
    const page = await browser.open('/console/?namespace=many&search=00042')
    await page.getByLabel(/^Token/).fill('another')
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.getByRole('alert').getByText('did not accept').waitFor()
    await page.getByLabel(/^Token/).fill(operator.token)
    await page.getByRole('button', { name: 'Use it' }).click()
    await page.getByRole('link', { name: 'task/00042' }).waitFor()
    const kept = '[document.cookie, ...Object.values(localStorage), ...Object.values(sessionStorage)].join()'
    expect(await page.evaluate(kept)).toBe('')
    expect(page.url()).not.toContain(operator.token)
    await page.reload()
    await page.getByLabel(/^Token/).waitFor()
    await page.close()
  })

  test('what a token may not read is said, and what to do', async () => {
    const page = await openWithToken('/console/?namespace=foreign')
    await page.getByRole('alert').getByText('Choose a namespace that your token may read').waitFor()
    await page.close()
  })

  test('of ten thousand tasks it draws those that are seen, while it loads and while it is scrolled', async () => {
    const page = await openWithToken('/console/?namespace=many')
    const startedMs = performance.now()
    await page.locator('tbody tr[data-index]').first().waitFor()
    const firstRowsMs = performance.now() - startedMs
    await page.getByText('10,000 rows').waitFor()
    const allRowsMs = performance.now() - startedMs
    expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe('10001')
    expect(await page.locator('tbody a').first().textContent()).toBe('task/00000')

    const cpu = await mainThreadMs(page)
    const beforeMs = await cpu()
    const drawn: number[] = []
    for (let step = 1; step <= 20; step++) {
      await page.evaluate(`document.querySelector('.table-place').scrollTop = ${step * 14_700}`)
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
      drawn.push(await page.locator('tbody tr').count())
    }
    const scrolledMs = (await cpu()) - beforeMs
    expect(Math.max(...drawn)).toBeLessThan(70)
    await page.evaluate(`document.querySelector('.table-place').scrollTop = 1e9`)
    await expect.poll(() => page.locator('tbody a').last().textContent()).toBe('task/09999')
    const sent = `Math.round(performance.getEntriesByType('resource').reduce((sum, { transferSize }) => sum + transferSize, 0) / 1000)`
    const bytes = await page.evaluate(sent)
    process.stdout.write(
      `10,000 tasks: first rows after ${firstRowsMs.toFixed(0)} ms, all after ${allRowsMs.toFixed(0)} ms, ${bytes} kB sent, ` +
        `${Math.max(...drawn)} rows drawn at most, ${(scrolledMs / 20).toFixed(0)} ms of CPU for a window of new rows
`,
    )
    await page.close()
  })

  test('what it knew stays when the services go away, with its age and what to do', async () => {
    const page = await openWithToken('/console/?namespace=many&search=00042')
    await page.getByRole('link', { name: 'task/00042' }).waitFor()
    await profiler.stop()
    await page
      .getByRole('status')
      .getByText(/^Shown as it was at .*foresize doctor/)
      .waitFor({ timeout: 60_000 })
    expect(await page.getByRole('link', { name: 'task/00042' }).count()).toBe(1)
    await page.close()
  })

  test('no page failed, broke its policy, or asked anything of another origin', () => {
    expect(browser.problems).toEqual([])
  })
})
