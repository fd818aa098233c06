import { average } from './average.ts'
import { constant } from './constant.ts'
import { exponentialSmoothing } from './exponential-smoothing.ts'
import { linearRegression } from './linear-regression.ts'
import { logRegression } from './log-regression.ts'
import { maxOfNeighbours } from './max-of-neighbours.ts'
import { maxSeen } from './max-seen.ts'
import { nearestNeighbours } from './nearest-neighbours.ts'
import { p95 } from './p95.ts'
import { ridge } from './ridge.ts'
import type { Registry } from './strategy.ts'

/** Every strategy there is; a new one is one file and one line here. The order breaks ties. */
export const strategies: Registry = {
  average,
  'max-seen': maxSeen,
  'exponential-smoothing': exponentialSmoothing,
  'linear-regression': linearRegression,
  'log-regression': logRegression,
  ridge,
  'nearest-neighbour': nearestNeighbours(1),
  'nearest-neighbours': nearestNeighbours(3),
  'max-of-neighbours': maxOfNeighbours,
  p95,
  constant,
}
