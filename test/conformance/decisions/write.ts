import { writeFileSync } from 'node:fs'
import { refusedConfigs, retryCases, sizingCases } from './cases.ts'
import { type Decision, decideRetry, decideSizing, file, refusedSetting } from './decisions.ts'

/** Writes anew what every language is held to: `node test/conformance/decisions/write.ts`, after a rule was changed. */
const decisions: readonly Decision[] = [
  ...sizingCases().map((given) => ({ kind: 'sizing' as const, ...given, decision: decideSizing(given) })),
  ...retryCases().map((given) => ({ kind: 'retry' as const, ...given, next: decideRetry(given) })),
  ...refusedConfigs().map((given) => ({
    kind: 'refused' as const,
    ...given,
    setting: refusedSetting(given),
  })),
]
writeFileSync(file, decisions.map((decision) => `${JSON.stringify(decision)}\n`).join(''))
