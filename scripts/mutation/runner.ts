import { globSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { INSTRUMENTER_CONSTANTS, type InstrumenterContext } from '@stryker-mutator/api/core'
import { declareFactoryPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import {
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  MutantRunStatus,
  type TestRunner,
  TestStatus,
} from '@stryker-mutator/api/test-runner'
import fc from 'fast-check'
import type { Case } from './vitest.ts'

/** The tests that the mutants of a folder have to fail: those that mirror it. */
const mirrors = {
  'shared/domain/': ['test/unit/domain/'],
  'services/profiler/domain/': ['test/unit/profiler/domain/'],
  'services/estimator/domain/': ['test/unit/estimator/', 'test/contract/strategy.test.ts'],
} as const

const everything = Object.values(mirrors).flat()

const vitestUrl = new URL('vitest.ts', import.meta.url).href
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'vitest' && context.parentURL !== vitestUrl
      ? { url: vitestUrl, shortCircuit: true }
      : next(specifier, context),
})
// The same few examples are tried of every mutant, and how small a counterexample can be made does not matter.
fc.configureGlobal({ seed: 1, numRuns: 30, endOnFailure: true })

/** Runs the tests in this process, which holds them loaded. Stryker starts another after a mutant that hangs. */
function inProcessRunner(): TestRunner {
  const stryker: InstrumenterContext = {}
  Object.assign(globalThis, { [INSTRUMENTER_CONSTANTS.NAMESPACE]: stryker })
  let loading: Promise<Timed[]> | undefined

  async function load(places: readonly string[]): Promise<Timed[]> {
    const { beginFile, cases } = await import('./vitest.ts')
    for (const path of globSync(
      places.map((place) => (place.endsWith('/') ? `${place}**/*.test.ts` : place)),
    )) {
      beginFile(path)
      await import(pathToFileURL(resolve(path)).href)
    }
    return cases.map((each) => ({ ...each, tookMs: 0 }))
  }

  async function dryRun(): Promise<DryRunResult> {
    const tests = []
    loading ??= load(everything)
    for (const each of await loading) {
      const { name } = each
      stryker.currentTestId = name
      const failureMessage = await failureOf(each)
      const result = { id: name, name, timeSpentMs: each.tookMs }
      tests.push(
        failureMessage === undefined
          ? { ...result, status: TestStatus.Success as const }
          : { ...result, status: TestStatus.Failed as const, failureMessage },
      )
    }
    delete stryker.currentTestId
    const { mutantCoverage } = stryker
    return { status: DryRunStatus.Complete, tests, ...(mutantCoverage && { mutantCoverage }) }
  }

  async function mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, hitLimit, testFilter, mutantActivation } = options
    if (mutantActivation === 'static') stryker.activeMutant = activeMutant.id
    const places = mirrorsOf(activeMutant)
    // A process that was started for this mutant alone loads no more than it needs.
    loading ??= load(mutantActivation === 'static' ? places : everything)
    const cases = await loading
    Object.assign(stryker, { activeMutant: activeMutant.id, hitLimit, hitCount: hitLimit && 0 })
    let nrOfTests = 0
    // The quickest first: most mutants fall to them.
    for (const each of cases.sort((a, b) => a.tookMs - b.tookMs)) {
      const { name } = each
      if (!places.some((place) => name.startsWith(place)) || testFilter?.includes(name) === false) continue
      nrOfTests++
      const failureMessage = await failureOf(each)
      const endless = determineHitLimitReached(stryker.hitCount, hitLimit)?.reason
      if (endless !== undefined) return { status: MutantRunStatus.Timeout, reason: endless }
      if (failureMessage !== undefined)
        return { status: MutantRunStatus.Killed, killedBy: [name], failureMessage, nrOfTests }
    }
    return { status: MutantRunStatus.Survived, nrOfTests }
  }

  return { capabilities: () => ({ reloadEnvironment: false }), dryRun, mutantRun }
}

const mirrorsOf = ({ fileName }: MutantRunOptions['activeMutant']): readonly string[] =>
  Object.entries(mirrors).flatMap(([folder, places]) => (fileName.includes(folder) ? places : []))

interface Timed extends Case {
  /** When it was last run and did not fail. */
  tookMs: number
}

async function failureOf(test: Timed): Promise<string | undefined> {
  try {
    const startMs = performance.now()
    await test.run()
    test.tookMs = performance.now() - startMs
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'in-process', inProcessRunner)]
