/**
 * Prequential residuals of one strategy: ln(need) − ln(prediction made before the need was known), sorted ascending.
 * Weight: √runtime, growing by 1/0.99 per execution, which is the same as ageing by 0.99 up to a common factor.
 * Law: only the set matters, not how it was sorted; bounded by the profile's buffer, which it is a replay of.
 */
export interface Residuals {
  readonly values: number[]
  readonly weights: number[]
}

const ageing = 0.99

export const residuals = (): Residuals => ({ values: [], weights: [] })

export function note(r: Residuals, residual: number, weight: number, sequence: number): void {
  const w = weight * ageing ** -sequence
  let i = r.values.length
  r.values.push(residual)
  r.weights.push(w)
  for (; i > 0 && (r.values[i - 1] ?? 0) > residual; i--) {
    r.values[i] = r.values[i - 1] ?? 0
    r.weights[i] = r.weights[i - 1] ?? 0
  }
  r.values[i] = residual
  r.weights[i] = w
}
