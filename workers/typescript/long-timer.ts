/** The longest wait of one Node timer, in milliseconds (24.8 days); a longer one would fire at once. */
export const maxTimerMs = 2 ** 31 - 1

/** Calls `work` after `ms` milliseconds, however many. Returns what calls it off. */
export function startLongTimer(work: () => void, ms: number): () => void {
  let leftMs = ms
  let timer: NodeJS.Timeout
  const wait = () => {
    const stepMs = Math.min(leftMs, maxTimerMs)
    leftMs -= stepMs
    timer = setTimeout(leftMs > 0 ? wait : work, stepMs)
  }
  wait()
  return () => clearTimeout(timer)
}
