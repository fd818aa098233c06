import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { paletteCss } from './plots/palette.ts'
import './style/base.css'
import './style/layout.css'
import './style/table.css'
import './style/plot.css'

// A newer build has other files than the page knows.
window.addEventListener('vite:preloadError', () => window.location.reload())

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
