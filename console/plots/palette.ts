/** Colours of the plots, as CSS variables: light, dark. Each has 3:1 against its page, what is read 4.5:1. */
export const paletteCss = `:root {
  color-scheme: light dark;
  --plot-text: light-dark(#33414f, #c3ced9);
  --plot-grid: light-dark(#e4e9ee, #28323d);
  --plot-ground: light-dark(#ffffff, #141a21);
  --plot-given: light-dark(#0b7a75, #3cc4b8);
  --plot-band: light-dark(#0b7a7526, #3cc4b833);
  --plot-used: light-dark(#4a5a6a, #a9b7c5);
  --plot-requested: light-dark(#8a97a5, #73818f);
  --plot-killed: light-dark(#c2281d, #ff7b6b);
  --plot-beyond: light-dark(#b4690e14, #f0a54a1f);
  --plot-beyond-text: light-dark(#8a5009, #f0b56a);
  --plot-font: system-ui, sans-serif;
}`

export const colours = {
  text: 'var(--plot-text)',
  grid: 'var(--plot-grid)',
  ground: 'var(--plot-ground)',
  given: 'var(--plot-given)',
  band: 'var(--plot-band)',
  used: 'var(--plot-used)',
  requested: 'var(--plot-requested)',
  killed: 'var(--plot-killed)',
  beyond: 'var(--plot-beyond)',
  beyondText: 'var(--plot-beyond-text)',
} as const
