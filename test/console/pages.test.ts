import { readFile } from 'node:fs/promises'
import axe from 'axe-core'
import type { Download, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Browser, inBrowser, startBrowser } from './chromium.ts'
import { type ConsoleFixture, consoleFixture } from './console-fixture.ts'
import { takePictures } from './pictures.ts'
import { runWorks, startRuns } from './workload.ts'

/** The console as people use it: a real browser, before the real pair, on executions that the pair has sized. */

const hostileTask = '<img src=x onerror="document.title=1">'

inBrowser('console-pages', () => {
  let console: ConsoleFixture
  let browser: Browser
  let underWay: ReturnType<typeof startRuns>

  beforeAll(async () => {
    console = await consoleFixture()
    await runWorks(console.call, 60)
    await runWorks(console.call, 4, 'staging')
    const hostile = { task: { namespace: 'hostile', task: hostileTask }, outcome: 'OUTCOME_SUCCEEDED' }
    const used = { memory_bytes: 1e8, duration_ms: 1e5 }
    const names = {
      features: { '=1+1': 3 },
      labels: { [hostileTask]: hostileTask },
      allocated: { memory_bytes: 2e8 },
    }
    const executions = [1, 2, 3].map((i) => ({
      ...hostile,
      ...names,
      used,
      execution_id: `${hostileTask}${i}`,
    }))
    await console.call('ProfilerService/UpdateProfile', { executions })
    underWay = startRuns(console.pair.profiler.address)
    browser = await startBrowser(console.origin)
  })
  afterAll(async () => {
    await browser.close()
    await underWay.stop()
    await console.stop()
  })

  const rowNames = (page: Page) => page.locator('tbody a').allTextContents()
  const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 }).waitFor()

  async function textOf(download: Promise<Download>): Promise<string> {
    return readFile(await (await download).path(), 'utf8')
  }

  describe('tasks', () => {
    test('come with what they waste, most first, and what was gained over the requests', async () => {
      const page = await browser.open('/console/')
      await page.getByRole('link', { name: 'assemble/spades' }).waitFor()
      expect((await rowNames(page))[0]).toBe('assemble/spades')
      expect(await rowNames(page)).toHaveLength(7)
      expect(await page.locator('tbody tr').first().textContent()).toMatch(/assemble\/spades\d.* GiB·h/)
      expect(await page.locator('.headline').textContent()).toMatch(/Wasted a day.*GiB·h.*Gained\d+ % less/)
      await page.getByRole('button', { name: 'Executions' }).click()
      expect(await page.getByRole('columnheader', { name: 'Executions' }).getAttribute('aria-sort')).toBe(
        'descending',
      )
      expect(page.url()).toContain('sort=executions')
      await page.close()
    })

    test('are found by a part of their name, and the address keeps it', async () => {
      const page = await browser.open('/console/')
      await page.getByLabel('Find').fill('bwa')
      await expect.poll(() => rowNames(page)).toEqual(['align/bwa-mem'])
      expect(page.url()).toContain('search=bwa')
      await page.reload()
      await page.getByRole('link', { name: 'align/bwa-mem' }).waitFor()
      expect(await rowNames(page)).toEqual(['align/bwa-mem'])
      await page.close()
    })

    test('are those of the namespace that is chosen', async () => {
      const page = await browser.open('/console/?search=bwa')
      const picker = page.getByLabel('Namespace')
      await page.getByRole('option', { name: 'staging (7)' }).waitFor({ state: 'attached' })
      await picker.selectOption('staging')
      await expect.poll(() => rowNames(page)).toHaveLength(7)
      expect(page.url()).toContain('namespace=staging')
      await page.close()
    })

    test('can be saved as CSV, with their units', async () => {
      const page = await browser.open('/console/')
      await page.getByRole('link', { name: 'assemble/spades' }).waitFor()
      const saved = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Save Tasks of default as CSV' }).click()
      const [first = '', ...lines] = (await textOf(saved)).trimEnd().split('\r\n')
      expect(first).toMatch(/^task,wasted_gib_hours_per_day,requested_bytes,given_bytes,used_bytes,/)
      expect(lines.map((line) => line.split(',')[0])[0]).toBe('assemble/spades')
      expect(lines).toHaveLength(7)
      await page.close()
    })
  })

  describe('a task', () => {
    test('is asked for a size beyond what was seen, which is marked, and the address says what was asked', async () => {
      const page = await browser.open('/console/task?task=align%2Fbwa-mem')
      await page.getByRole('textbox', { name: 'input_bytes' }).fill('40GB')
      await page.getByRole('button', { name: 'Ask', exact: true }).click()
      await page.locator('.answer .badge', { hasText: 'beyond what was seen' }).waitFor()
      expect(await page.locator('.notices').textContent()).toMatch(/input_bytes is [\d.]+ × the largest seen/)
      expect(page.url()).toContain('f.input_bytes=40GB')
      await page
        .getByRole('img', { name: /memory against input_bytes: 60 executions/ })
        .getByText('beyond what was seen')
        .first()
        .waitFor()
      await page.reload()
      await page.locator('.answer .badge', { hasText: 'beyond what was seen' }).waitFor()
      await page.close()
    })

    test('within what was seen nothing is marked', async () => {
      const page = await browser.open('/console/task?task=align%2Fbwa-mem&f.input_bytes=8GB')
      await page.locator('.answer table').waitFor()
      expect(await page.locator('.answer .badge').count()).toBe(0)
      expect(await page.locator('.answer').textContent()).toMatch(
        /\d+ % sure to suffice, from its own executions/,
      )
      await page.close()
    })

    test.each([
      ['memory', /[KMG]iB·h/],
      ['cpu', /core·h/],
    ])('its answers of %s are scored in their own unit', async (dimension, unit) => {
      const page = await browser.open(`/console/task?task=align%2Fbwa-mem&dimension=${dimension}`)
      const scores = page.getByRole('region', { name: 'Accuracy of align/bwa-mem' })
      await scores.getByRole('cell', { name: 'foresize' }).waitFor()
      expect(await scores.locator('tbody').textContent()).toMatch(unit)
      await page.close()
    })

    test('says what cannot be read of a question, by its field', async () => {
      const page = await browser.open('/console/task?task=align%2Fbwa-mem&f.input_bytes=many')
      expect(await page.locator('.field .bad').textContent()).toBe('many is no number: write 5e9 or 5GB')
      expect(await page.getByRole('textbox', { name: 'input_bytes' }).getAttribute('aria-invalid')).toBe(
        'true',
      )
      await page.close()
    })

    test('explains its answer: what each strategy says and weighs, and what a failure costs', async () => {
      const page = await browser.open('/console/task?task=assemble%2Fspades')
      const why = page.getByRole('region', { name: 'Strategies' })
      await why.getByRole('cell', { name: 'linear-regression' }).waitFor()
      expect(await why.locator('tbody tr').count()).toBeGreaterThan(8)
      expect(await page.locator('.facts').textContent()).toMatch(/Price of a failure[\d.]+ runs/)
      expect(
        await page.getByRole('img', { name: 'Probability that an amount of memory suffices' }).count(),
      ).toBe(1)
      await page.close()
    })

    test('its plots can be saved as SVG and PNG, complete in themselves', async () => {
      const page = await browser.open('/console/task?task=align%2Fbwa-mem')
      await page.getByRole('img', { name: /memory against input_bytes/ }).waitFor()
      const svg = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Save Need against input_bytes as SVG' }).click()
      const picture = await textOf(svg)
      expect(picture).toMatch(/^<svg .*xmlns="http:\/\/www.w3.org\/2000\/svg"/)
      expect(picture).not.toMatch(/var\(|currentColor|<style|href=/)
      const png = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Save Need against input_bytes as PNG' }).click()
      expect((await readFile(await (await png).path())).subarray(1, 4).toString()).toBe('PNG')
      await page.close()
    })

    test('that was never seen is said to be so', async () => {
      const page = await browser.open('/console/task?task=nothing')
      await page.getByRole('heading', { name: 'nothing was never seen in the namespace default' }).waitFor()
      await page.close()
    })
  })

  test('now shows what is under way against what it was given, and how the services are', async () => {
    const page = await browser.open('/console/now')
    await expect
      .poll(async () => (await rowNames(page)).toSorted(), { timeout: 20_000 })
      .toEqual(['align/bwa-mem', 'call/variants', 'qc/fastqc'])
    expect(await page.locator('tbody tr').first().textContent()).toMatch(
      /call\/variants\d+ %[\d.]+ MiB61\.0 MiB/,
    )
    expect(await page.getByRole('list', { name: 'Health of the services' }).textContent()).toMatch(
      /gateway serves.*estimator serves.*profiler serves/,
    )
    await page.close()
  })

  test('a task whose name is markup is a name', async () => {
    const page = await browser.open('/console/?namespace=hostile')
    const title = await page.title()
    await page.getByRole('link', { name: hostileTask }).click()
    await heading(page, hostileTask)
    await page.getByRole('img', { name: /memory against =1\+1/ }).waitFor()
    await page.getByRole('region', { name: 'Strategies' }).waitFor()
    expect(await page.locator('main img:not(svg)').count()).toBe(0)
    expect(await page.title()).toBe(title)
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: /^Save Executions of/ }).click()
    expect(await textOf(saved)).toContain(`"<img src=x onerror=""document.title=1"">3"`)
    await page.close()
  })

  test('everything can be done by keyboard', async () => {
    const page = await browser.open('/console/')
    await page.getByRole('link', { name: 'assemble/spades' }).waitFor()
    await page.keyboard.press('Tab')
    expect(await page.locator(':focus').textContent()).toContain('To the content')
    await page.keyboard.press('/')
    await page.keyboard.type('align')
    await expect.poll(() => rowNames(page)).toHaveLength(2)
    const focused = () => page.locator(':focus').textContent()
    for (let i = 0; i < 20 && !(await focused())?.startsWith('align/bwa-mem'); i++)
      await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await expect.poll(focused).toBe('align/sort-bam')
    await page.keyboard.press('ArrowUp')
    await expect.poll(focused).toBe('align/bwa-mem')
    await page.keyboard.press('Enter')
    await heading(page, 'align/bwa-mem')
    await page.getByRole('textbox', { name: 'input_bytes' }).focus()
    await page.keyboard.press('ControlOrMeta+A')
    await page.keyboard.type('30GB')
    await page.keyboard.press('Enter')
    await page.locator('.answer .badge', { hasText: 'beyond what was seen' }).waitFor()
    await page.close()
  })

  const addresses = [
    ['/console/', 'assemble/spades'],
    ['/console/task?task=align%2Fbwa-mem&f.input_bytes=40GB', 'linear-regression'],
    ['/console/now', 'qc/fastqc'],
    ['/console/accuracy', 'qc/fastqc'],
    ['/console/?namespace=empty', 'Nothing was learned'],
  ] as const

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test.each(addresses)(
      '%s has no barrier that axe knows, and needs no scrolling sideways at 400 pixels',
      async (address, sign) => {
        const page = await browser.open(address, { colorScheme, bypassCSP: true })
        await page.getByText(sign).first().waitFor()
        await page.evaluate(axe.source)
        const found = (await page.evaluate('axe.run()')) as axe.AxeResults
        expect(
          found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
        ).toEqual([])
        await page.setViewportSize({ width: 400, height: 800 })
        await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(400)
        await page.close()
      },
    )
  })

  test.each([
    ['tasks', '/console/', 'assemble/spades'],
    ['executions under way', '/console/now', 'qc/fastqc'],
    ['accuracy', '/console/accuracy', 'qc/fastqc'],
  ])('the table of %s is whole at 1200 pixels, beside a scrollbar too', async (_, address, sign) => {
    // So low that the page has one; the table has one where there are more rows than there is room for.
    const page = await browser.open(address, { viewport: { width: 1200, height: 300 }, bypassCSP: true })
    await page.getByText(sign).first().waitFor()
    await page.addStyleTag({ content: '.table-place { overflow-y: scroll !important }' })
    const table = page.locator('.table-place')
    const widthOf = (which: 'scrollWidth' | 'clientWidth' | 'offsetWidth') =>
      table.evaluate((place, name) => (place as unknown as Record<string, number>)[name] ?? 0, which)
    expect(await widthOf('clientWidth')).toBeLessThan((await widthOf('offsetWidth')) - 2)
    expect(await page.evaluate('document.documentElement.clientWidth')).toBeLessThan(1200)
    expect(await widthOf('scrollWidth')).toBe(await widthOf('clientWidth'))
    await page.close()
  })

  const pictures = process.env['FORESIZE_CONSOLE_PICTURES']
  if (pictures !== undefined) test('pictures for the documentation', () => takePictures(browser, pictures))

  test('no page failed, broke its policy, or asked anything of another origin', () => {
    expect(browser.problems).toEqual([])
  })
})
