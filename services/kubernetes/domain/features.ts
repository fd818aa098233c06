import type { Violation } from '../../../shared/domain/errors.ts'
import type { Features, Labels } from '../../../shared/domain/execution.ts'
import { featurePrefix, labelPrefix } from './names.ts'
import { annotationsOf, type Pod } from './pod.ts'
import { parseQuantity } from './quantity.ts'

/** What a Pod's annotations say of its run: features are numbers or quantities; what is neither is left out, and named. */
export function featuresOf(pod: Pod): {
  readonly features: Features
  readonly labels: Labels
  readonly violations: readonly Violation[]
} {
  const features: Record<string, number> = {}
  const labels: Record<string, string> = {}
  const violations: Violation[] = []
  for (const [name, text] of Object.entries(annotationsOf(pod))) {
    if (name.startsWith(labelPrefix)) labels[name.slice(labelPrefix.length)] = text
    if (!name.startsWith(featurePrefix)) continue
    const value = parseQuantity(text.trim())
    if (value === undefined) violations.push({ field: name, description: `must be a number, was "${text}"` })
    else features[name.slice(featurePrefix.length)] = value
  }
  return { features, labels, violations }
}
