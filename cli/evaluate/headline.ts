import type { Backtest } from './backtest.ts'
import type { MethodScore } from './ledger.ts'
import { figure } from './report-table.ts'

const none: MethodScore = {
  wastage_gb_hours: 0,
  wastage_gb: 0,
  failures: 0,
  failed_executions: 0,
  median_over_allocation: 0,
}

/** What would have been saved and killed over all traces, against what users asked for or, where few did, the largest seen. */
export function headlineOf(backtests: readonly Backtest[]): string {
  const sum = (of: (backtest: Backtest) => number) => backtests.reduce((total, each) => total + of(each), 0)
  const executions = sum(({ score }) => score.executions)
  if (executions === 0)
    return 'In short: no execution completed with a peak of memory, so nothing can be said.'
  const isRequested = sum(({ requests }) => requests) >= executions / 2
  const rival = isRequested ? 'request' : 'max-x1.05'
  const [was, were] = isRequested
    ? ['requested', 'with what was requested']
    : ['1.05 × the largest seen', 'with 1.05 × the largest seen']
  const isTimed = backtests.every(({ score }) => score.executions === 0 || score.used_gb_hours !== null)
  const unit = isTimed ? 'GB·h' : 'GB'
  const wasted = (method: string) =>
    sum(({ score: { methods } }) => {
      const { wastage_gb_hours, wastage_gb } = methods[method] ?? none
      return isTimed ? (wastage_gb_hours ?? 0) : wastage_gb
    })
  const killed = (method: string) => sum(({ score }) => (score.methods[method] ?? none).failed_executions)
  const share = (count: number) => `${((100 * count) / executions).toFixed(1)} %`
  const [before, after] = [wasted(rival), wasted('foresize')]
  const saved =
    after <= before
      ? `${figure(before - after)} of ${figure(before)} ${unit} wasted ${was === 'requested' ? 'as requested' : `by ${was}`} saved (${before === 0 ? '0.0' : ((100 * (before - after)) / before).toFixed(1)} %)`
      : `nothing saved, ${figure(after - before)} ${unit} more wasted than the ${figure(before)} ${was === 'requested' ? 'as requested' : `by ${was}`}`
  return `In short, with foresize: ${saved}; ${killed('foresize')} of ${executions} executions killed once or more (${share(killed('foresize'))}), ${were} ${killed(rival)} (${share(killed(rival))}).`
}
