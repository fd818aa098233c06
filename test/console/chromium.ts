import { join } from 'node:path'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { wherePresent } from '../conformance/where-present.ts'

const program = join(import.meta.dirname, '..', '..', '.foresize', 'bin', 'chromium')

const needed = {
  name: 'chromium',
  needs: { path: program, toolchain: 'chromium, or apt-get, which fetches it' },
}

/** Tests in the browser that scripts/install-chromium.sh found or fetched. */
export const inBrowser = (suite: string, tests: () => void): void => wherePresent(needed, suite, tests)

/** Playwright takes scrollbars away; most people have them, and they take room. */
const ignoreDefaultArgs = ['--hide-scrollbars']

/** With a folder of its own, that playwright makes and removes. Asks nothing of anyone but the pages that it is sent to. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface Browser {
  /** A page of its own, that shares nothing with others. */
  open(address: string, options?: BrowserContextOptions): Promise<Page>
  /** What pages have complained of so far: errors, what their policy blocked, what they asked of other origins. */
  readonly problems: readonly string[]
  close(): Promise<void>
}

export async function startBrowser(origin: string): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: program, args, ignoreDefaultArgs, timeout: 60_000 })
  const problems: string[] = []

  function listen(page: Page): void {
    page.setDefaultTimeout(30_000)
    page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`))
    page.on('console', (message) => {
      // An answer of another status than 200 is a state that pages show.
      const isStatus = message.text().startsWith('Failed to load resource')
      if (message.type() !== 'log' && !isStatus) problems.push(`${page.url()}: ${message.text()}`)
    })
    page.on('request', (request) => {
      const { origin: asked, protocol } = new URL(request.url())
      if (asked !== origin && protocol !== 'blob:') problems.push(`${page.url()} asked ${request.url()}`)
    })
  }

  return {
    problems,
    async open(address, options = {}) {
      const page = await browser.newPage(options)
      listen(page)
      await page.goto(`${origin}${address}`)
      return page
    },
    close: () => browser.close(),
  }
}
