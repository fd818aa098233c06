import { globSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  INSTRUMENTER_CONSTANTS,
  type InstrumenterContext,
  type StrykerOptions,
} from '@stryker-mutator/api/core'
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
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
const mirrors: Readonly<Record<string, readonly string[]>> = {
  'shared/domain/': ['test/unit/domain/'],
  'services/profiler/domain/': ['test/unit/profiler/domain/'],
  'services/estimator/domain/allocation/': ['test/unit/estimator/allocation/'],
  'services/estimator/domain/distribution/': ['test/unit/estimator/distribution/'],
  'services/estimator/domain/ensemble/': ['test/unit/estimator/ensemble/'],
  'services/estimator/domain/estimate/': ['test/unit/estimator/estimate/'],
  'services/estimator/domain/features/': ['test/unit/estimator/features/'],
  'services/estimator/domain/history/': ['test/unit/estimator/history/'],
  'services/estimator/domain/strategies/': [
    'test/unit/estimator/strategies/',
    'test/contract/strategy.test.ts',
  ],
}

/** Of files, or of patterns as far as their first star. */
const mirrorsOf = (places: readonly string[]): readonly string[] =>
  Object.entries(mirrors).flatMap(([folder, tests]) =>
    places.some((place) => place.includes(folder) || folder.startsWith(place.replace(/\*.*/, '')))
      ? tests
      : [],
  )

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
function inProcessRunner({ mutate }: StrykerOptions): TestRunner {
  const stryker: InstrumenterContext = {}
  Object.assign(globalThis, { [INSTRUMENTER_CONSTANTS.NAMESPACE]: stryker })
  let loading: Promise<Timed[]> | undefined
  /** No more than the mutants of this run have to fail. */
  const all = mirrorsOf(mutate)

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
    loading ??= load(all)
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
    const places = mirrorsOf([activeMutant.fileName])
    // A process that was started for this mutant alone loads no more than it needs.
    loading ??= load(mutantActivation === 'static' ? places : all)
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

inProcessRunner.inject = tokens(commonTokens.options)

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'in-process', inProcessRunner)]
