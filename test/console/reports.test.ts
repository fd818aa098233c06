import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Command } from '../../cli/command.ts'
import { evaluate } from '../../cli/evaluate/evaluate.ts'
import { simulate } from '../../cli/simulate/simulate.ts'
import { runCommand } from '../support/command-line.ts'
import { faultsOf, type Picture } from '../support/report-pages.ts'
import { type Browser, inBrowser, startBrowser } from './chromium.ts'

/** The reports of the command line, which are made of the console's plots, as a browser shows them. */

const hostile = '<img src=x onerror="document.title=1">'

function history(): string {
  const rows = Array.from({ length: 90 }, (_, i) => {
    const input = (1 + ((i * 37) % 41)) * 1e6
    const peak = Math.round((100e6 + 40 * input) * (1 + ((i * 13) % 7) / 100) * (1 + (i % 3)))
    const task = i % 3 === 0 ? `"${hostile.replaceAll('"', '""')}"` : `flow:part_${i % 3}`
    return `${task},${i * 30_000},60000,${peak},${i % 2 ? 4e9 : ''},1,2,${input},1,completed,g,`
  })
  const header =
    'task,submit_ms,duration_ms,peak_memory_bytes,requested_memory_bytes,cpu_cores_avg,cpu_cores_requested,input_bytes,attempt,status,group,features'
  return `${header}\n${rows.join('\n')}\n`
}

inBrowser('console: reports', () => {
  let folder: string
  let server: Server
  let browser: Browser
  const pages = new Map<string, string>()

  async function report(name: string, command: Command): Promise<void> {
    const [trace, html] = [join(folder, 'history.csv'), join(folder, `${name}.html`)]
    writeFileSync(trace, history())
    await runCommand(command, [trace, '--html', html])
    pages.set(`/${name}`, readFileSync(html, 'utf8'))
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'foresize-reports-'))
    await report('evaluate', evaluate)
    await report('simulate', simulate)
    server = createServer((request, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(pages.get(request.url ?? ''))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await startBrowser(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })
  afterAll(async () => {
    await browser.close()
    server.close()
    rmSync(folder, { recursive: true })
  })

  /** The texts of each picture that is shown, by the place that the browser gives them. */
  const textsShown = (page: Page) =>
    page.evaluate<Picture[]>(`
      [...document.querySelectorAll('svg')].filter((svg) => svg.checkVisibility()).map((svg) => {
        const { left, top, width, height } = svg.getBoundingClientRect()
        const texts = [...svg.querySelectorAll('text')].map((text) => {
          const box = text.getBoundingClientRect()
          // Letters fill about the middle two thirds of their box.
          const margin = box.height / 6
          return {
            text: text.textContent,
            left: box.left - left,
            right: box.right - left,
            top: box.top - top + margin,
            bottom: box.bottom - top - margin,
          }
        })
        return { width, height, fontSize: getComputedStyle(svg).fontSize, texts }
      })`)

  test.each(['evaluate', 'simulate'].flatMap((name) => [360, 1000].map((width) => [name, width] as const)))(
    'that of %s is whole at %i pixels: letters of 12 pixels, none cut, none on another',
    async (name, width) => {
      const page = await browser.open(`/${name}`, { viewport: { width, height: 800 } })
      expect(await page.locator('h1').textContent()).toMatch(/foresize/)
      const pictures = await textsShown(page)
      expect(pictures.length).toBeGreaterThanOrEqual(3)
      for (const picture of pictures) {
        expect(faultsOf(picture)).toEqual([])
        expect(picture.fontSize).toBe('12px')
        expect(picture.width).toBeLessThanOrEqual(width)
      }
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      expect(await page.title()).toBe(`foresize ${name}`)
      expect(browser.problems).toEqual([])
      await page.close()
    },
  )

  test.each(['light', 'dark'] as const)('they can be read by everyone, in %s too', async (colorScheme) => {
    for (const name of pages.keys()) {
      const page = await browser.open(name, { colorScheme, bypassCSP: true })
      await page.addScriptTag({ content: axe.source })
      const violations = await page.evaluate<{ id: string }[]>(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html.slice(0, 200)) })))',
      )
      expect(violations).toEqual([])
      await page.close()
    }
  })
})
