import type { AccuracyFigures, Profile } from '../../shared/domain/profile.ts'
import { sketchWeight } from '../../shared/domain/sketch.ts'
import type { Inspection } from '../../shared/wire/inspection.ts'
import { ranges } from '../../shared/wire/profile.ts'

/**
 * Refuses sums above half of what may be stored: each fold adds to them, and a profile that has none left to add could never
 * be read again.
 */
export function refuseFull({ revision, outcomes, statistics, accuracy }: Profile, seen: Inspection): void {
  function check(sum: number, field: string, { max } = ranges.sum): void {
    if (sum > max / 2) seen.reject(field, `must be at most ${max / 2}, was ${sum}`)
  }
  function checkFigures({ weight, weightSquares, calibration }: AccuracyFigures, at: string): void {
    check(weight, `${at}.weight`)
    check(weightSquares, `${at}.weight_squares`, ranges.sumOfSquares)
    for (const [i, bin] of calibration.entries()) check(bin.weight, `${at}.calibration[${i}].weight`)
  }
  check(revision, 'revision')
  for (const [i, { count }] of outcomes.entries()) check(count, `outcomes[${i}].count`)
  for (const [i, { weight, sketch }] of statistics.entries()) {
    check(weight, `statistics[${i}].weight`)
    // A large value makes one bucket of many small ones.
    check(sketchWeight(sketch), `statistics[${i}].sketch`)
  }
  for (const [i, entry] of accuracy.entries()) {
    check(entry.executions, `accuracy[${i}].executions`)
    checkFigures(entry, `accuracy[${i}]`)
    if (entry.total) checkFigures(entry.total, `accuracy[${i}].total`)
  }
}
