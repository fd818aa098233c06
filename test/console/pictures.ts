import { join } from 'node:path'
import type { Browser } from './chromium.ts'

const pages = [
  ['tasks', '/console/', 'assemble/spades'],
  ['task', '/console/task?task=align%2Fbwa-mem&f.input_bytes=30GB', 'linear-regression'],
] as const

const looks = [
  { colorScheme: 'light', viewport: { width: 1200, height: 820 } },
  { colorScheme: 'dark', viewport: { width: 1200, height: 820 } },
  { colorScheme: 'light', viewport: { width: 400, height: 820 } },
  { colorScheme: 'dark', viewport: { width: 400, height: 820 } },
] as const

/** Each page in each look, as `console-PAGE-THEME-WIDTH.png`. */
export async function takePictures(browser: Browser, folder: string): Promise<void> {
  for (const look of looks) {
    for (const [name, address, sign] of pages) {
      const page = await browser.open(address, { ...look, bypassCSP: true })
      await page.addStyleTag({ content: '* { scrollbar-width: none }' })
      await page.getByText(sign).first().waitFor()
      await page.waitForLoadState('networkidle')
      const file = `console-${name}-${look.colorScheme}-${look.viewport.width}.png`
      await page.screenshot({ path: join(folder, file) })
      await page.close()
    }
  }
}
