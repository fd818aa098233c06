import { paletteCss } from '../../console/plots/palette.ts'
import { visibleHtml } from '../../shared/domain/text.ts'

export interface ReportPage {
  readonly title: string
  /** What came of it, in a sentence. */
  readonly headline: string
  /** HTML. */
  readonly introduction: string
  /** HTML. */
  readonly sections: readonly string[]
}

const style = `${paletteCss}
body { font: 16px/1.5 var(--plot-font); color: var(--plot-text); background: var(--plot-ground); margin: 0 auto;
  padding: 1.5rem 12px 4rem; max-width: 760px }
h1 { font-size: 1.4rem; line-height: 1.3; margin: .2rem 0 1rem } h2, h3 { line-height: 1.25 }
h2 { margin-top: 3rem; border-top: 1px solid var(--plot-grid); padding-top: 1.5rem; overflow-wrap: anywhere }
figure { margin: 2rem 0 } figcaption { font-weight: 600; margin-bottom: .5rem; overflow-wrap: anywhere }
svg { display: block; max-width: none } .narrow { display: none }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .9rem }
td, th { padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: bottom }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums }
@media (max-width: 783px) { .wide { display: none } .narrow { display: block }
  table { font-size: .8rem } td, th { padding-right: .6rem } }
@media print { .wide { display: block } .narrow { display: none } }`

/** One page, complete in itself: it asks for nothing and runs no script. */
export function reportPage({ title, headline, introduction, sections }: ReportPage): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${visibleHtml(title)}</title><style>${style}</style></head><body><main>
<div>${visibleHtml(title)}</div>
<h1>${visibleHtml(headline)}</h1>
${introduction}
${sections.join('\n')}
</main></body></html>
`
}

/** Rows of cells that are HTML already; the first cell of a row names it. */
export function reportTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  caption: string,
): string {
  const line = (cells: readonly string[], name: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${name}>${cell}</${name}>`).join('')}</tr>`
  return `<div class="scroll" role="region" aria-label="${visibleHtml(caption)}" tabindex="0"><table>
<thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('\n')}</tbody></table></div>`
}
