import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { paletteCss } from './plots/palette.ts'
import './style/base.css'
import './style/layout.css'
import './style/table.css'
import './style/plot.css'

const palette = new CSSStyleSheet()
palette.replaceSync(paletteCss)
document.adoptedStyleSheets.push(palette)

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no #root')
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
