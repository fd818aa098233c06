import fc from 'fast-check'
import type { LearningConfig } from '../../../services/scheduler/domain/learning-config.ts'
import type { Answer } from '../../../services/scheduler/domain/sizing.ts'
import { estimateSources } from '../../../shared/domain/estimate.ts'
import { outcomes } from '../../../shared/domain/execution.ts'
import { dimensions, type Resources } from '../../../shared/domain/resources.ts'
import type { RefusedConfig, RetryCase, SizingCase } from './decisions.ts'

const task = { namespace: 'default', task: 'align/bwa' }
const good: Answer = {
  resources: { memoryBytes: 100e6, cpuCores: 0.5, durationMs: 60_000 },
  confidence: 0.9,
  source: 'profile',
  reason: '20 executions, mostly by log-regression',
  executions: 20,
  notices: [],
}
const beyond: Answer = {
  ...good,
  notices: [
    { kind: 'few-executions', subject: 'align/bwa', number: 4, nearest: [] },
    { kind: 'beyond-range', subject: 'input_bytes', number: 3.2, nearest: [] },
  ],
}
const requested: Resources = { memoryBytes: 1000e6, cpuCores: 1 }
const killed = { previousAllocation: { memoryBytes: 100e6 }, previousOutcome: 'out-of-memory' } as const

const named = (
  law: string,
  changes: Partial<SizingCase> & { readonly config?: Partial<LearningConfig> } = {},
): SizingCase => ({ law, task, requested, answer: good, ...changes })

/** One a rule: its name says which. */
const rules: readonly SizingCase[] = [
  named('a good answer is given'),
  named('what its owner fixed is given', { explicit: { memoryBytes: 7e6 } }),
  named('one dimension is fixed, the others are learned', { explicit: { cpuCores: 4 } }),
  named('switched off, nobody is asked', { config: { enabled: false } }),
  named('mode off, nobody is asked', { config: { mode: 'off' } }),
  named('in shadow the request is given', { config: { mode: 'shadow' } }),
  named('advised, the request is given', { config: { mode: 'advise' } }),
  named('advised, a task that requests nothing gets nothing', { config: { mode: 'advise' }, requested: {} }),
  named('the estimator is gone', { answer: { unavailable: 'no answer within 250 ms' } }),
  named('gone, and nothing is requested: the default', {
    answer: { unavailable: 'gone' },
    requested: {},
    config: { defaults: { memoryBytes: 5e6 } },
  }),
  named('too few executions', { answer: { ...good, executions: 2 } }),
  named('as many executions as are needed', { answer: { ...good, executions: 3 } }),
  named('no execution is needed', { answer: { ...good, executions: 0 }, config: { minExecutions: 0 } }),
  named('not sure enough', { answer: { ...good, confidence: 0.49 } }),
  named('just sure enough', { answer: { ...good, confidence: 0.5 } }),
  named('any confidence will do', { answer: { ...good, confidence: 0 }, config: { confidenceThreshold: 0 } }),
  named('similar tasks speak for it', { answer: { ...good, source: 'cohort' } }),
  ...(['request', 'namespace', 'default'] as const).map((source) =>
    named(`an answer from ${source} is no knowledge of the task`, { answer: { ...good, source } }),
  ),
  named('an unknown task that requests nothing gets any answer', {
    answer: { ...good, source: 'default' },
    requested: {},
  }),
  named('headroom and overhead are added', { config: { headroom: 0.1, overhead: { memoryBytes: 150e6 } } }),
  named('not below the minimum', { config: { min: { memoryBytes: 150e6 } } }),
  named('not above the maximum', { config: { max: { memoryBytes: 50e6 } } }),
  named('the maximum wins over the minimum', {
    config: { min: { memoryBytes: 150e6 }, max: { memoryBytes: 50e6 } },
  }),
  named('never above the request', { config: { headroom: 10, neverAboveRequest: true } }),
  named('never above a request that is not there', {
    config: { headroom: 10, neverAboveRequest: true },
    requested: {},
  }),
  named('what is not learned is given as requested', { config: { dimensions: ['memoryBytes'] } }),
  named('nothing is learned', { config: { dimensions: [] } }),
  named('risk goes to the estimator', { config: { risk: 0.8, max: { memoryBytes: 1e9 } } }),
  named('beyond the range a sure answer counts', { answer: beyond }),
  named('beyond the range an unsure one does not', { answer: { ...beyond, confidence: 0.3 } }),
  named('beyond the range trusted, however sure', {
    answer: { ...beyond, confidence: 0.01 },
    config: { beyondRange: 'trust' },
  }),
  named('trusted beyond the range, too few executions are too few', {
    answer: { ...beyond, executions: 1 },
    config: { beyondRange: 'trust' },
  }),
  named('beyond the range the request', { answer: beyond, config: { beyondRange: 'request' } }),
  named('beyond the range the request where there is one', {
    answer: beyond,
    config: { beyondRange: 'request' },
    requested: { cpuCores: 1 },
  }),
  named('beyond the range without any request', {
    answer: beyond,
    config: { beyondRange: 'request' },
    requested: {},
  }),
  named('beyond the range after a kill the request is refuted', {
    ...killed,
    answer: beyond,
    config: { beyondRange: 'request' },
  }),
  named('killed, the answer for the retry is given', {
    ...killed,
    answer: {
      ...good,
      source: 'escalation',
      executions: 0,
      confidence: 0.1,
      resources: { memoryBytes: 230e6 },
    },
    config: { headroom: 1, overhead: { memoryBytes: 1e6 }, neverAboveRequest: true },
    requested: { memoryBytes: 50e6 },
  }),
  named('killed, and the answer is no more than it had', { ...killed }),
  named('killed, and the answer is more', {
    ...killed,
    answer: { ...good, resources: { memoryBytes: 101e6 } },
  }),
  named('killed, and the estimator gone: twice what it had', {
    ...killed,
    answer: { unavailable: 'gone' },
    requested: {},
  }),
  named('killed, and the estimator gone: up to the maximum', {
    ...killed,
    answer: { unavailable: 'gone' },
    requested: {},
    config: { max: { memoryBytes: 150e6 } },
  }),
  named('killed, learning off: the request where it is more than twice', {
    ...killed,
    config: { mode: 'off' },
  }),
  named('killed, and its owner has fixed it', { ...killed, explicit: { memoryBytes: 100e6 } }),
  named('killed, and what it had is unknown', { previousOutcome: 'out-of-memory' }),
  named('out of time, time is raised', {
    previousAllocation: { memoryBytes: 500e6, durationMs: 90_000 },
    previousOutcome: 'timed-out',
  }),
  ...(['evicted', 'cancelled', 'lost', 'failed', 'succeeded'] as const).map((previousOutcome) =>
    named(`nothing is raised after ${previousOutcome}`, {
      previousAllocation: { memoryBytes: 5000e6 },
      previousOutcome,
    }),
  ),
  named('an override speaks of a beginning', {
    config: { overrides: [{ task: 'align/*', minExecutions: 30 }] },
  }),
  named('an override speaks of another task', {
    config: { overrides: [{ task: 'align', mode: 'off' }] },
  }),
  named('an override speaks of another namespace', {
    config: { overrides: [{ namespace: 'prod', mode: 'off' }] },
  }),
  named('the later override wins', {
    config: {
      overrides: [
        { namespace: 'default', mode: 'shadow', max: { memoryBytes: 1e6 } },
        { task: 'align/bwa', mode: 'apply', max: { memoryBytes: 60e6 }, headroom: 0.5 },
        { task: 'align/*', dimensions: ['memoryBytes', 'cpuCores'], neverAboveRequest: true },
      ],
    },
  }),
  named('an override switches on what is off', {
    config: { enabled: false, overrides: [{ task: 'align/bwa', enabled: true, confidenceThreshold: 0.95 }] },
  }),
]

/** Few enough values that ties and equalities occur. */
const values: Readonly<Record<(typeof dimensions)[number], readonly number[]>> = {
  cpuCores: [0.5, 1, 4],
  memoryBytes: [0, 64e6, 128e6, 256e6, 1e9],
  diskBytes: [1e9, 5e9],
  gpuMemoryBytes: [8e9, 16e9],
  durationMs: [1000, 60_000, 120_000],
}
const anyResources = fc.record(
  Object.fromEntries(dimensions.map((dimension) => [dimension, fc.constantFrom(...values[dimension])])),
  { requiredKeys: [] },
) as fc.Arbitrary<Resources>
const anyNeed = anyResources.map(
  (resources) =>
    Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== 0)) as Resources,
)
const anyShare = fc.constantFrom(0, 0.25, 0.5, 0.75, 0.9, 0.95, 1)
const anySettings = fc.record(
  {
    enabled: fc.constantFrom(true, true, true, true, true, false),
    mode: fc.constantFrom('apply' as const, ...Array<'apply'>(8).fill('apply'), 'off', 'shadow', 'advise'),
    minExecutions: fc.constantFrom(0, 3, 10),
    confidenceThreshold: anyShare,
    beyondRange: fc.constantFrom('trust' as const, 'request' as const, 'request' as const),
    risk: anyShare,
    dimensions: fc.subarray([...dimensions]),
    headroom: fc.constantFrom(0, 0.1, 0.3, 2),
    overhead: anyResources,
    min: anyNeed,
    max: anyNeed,
    neverAboveRequest: fc.boolean(),
  },
  { requiredKeys: [] },
)
const anyOverride = fc
  .record(
    {
      namespace: fc.constantFrom('default', 'prod'),
      task: fc.constantFrom('align/bwa', 'align/*', 'sort', '*'),
    },
    { requiredKeys: [] },
  )
  .chain((whom) => anySettings.map((settings) => ({ ...whom, ...settings })))
const anyConfig = fc
  .record(
    { defaults: anyResources, overrides: fc.array(anyOverride, { maxLength: 2 }) },
    { requiredKeys: [] },
  )
  .chain((whole) => anySettings.map((settings) => ({ ...settings, ...whole })))
const anyAnswer: fc.Arbitrary<SizingCase['answer']> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      resources: anyNeed,
      confidence: anyShare,
      source: fc.constantFrom(...Array<'profile'>(9).fill('profile'), ...estimateSources),
      reason: fc.constant('why'),
      executions: fc.constantFrom(0, 2, 3, 3.5, 20, 20, 20),
      notices: fc.constantFrom(good.notices, beyond.notices),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ unavailable: 'gone' }) },
)
const anyCase: fc.Arbitrary<SizingCase> = fc
  .record(
    {
      config: anyConfig,
      explicit: anyResources,
      requested: anyResources,
      previousAllocation: anyResources,
      previousOutcome: fc.constantFrom(...outcomes),
    },
    { requiredKeys: [] },
  )
  .chain((rest) => anyAnswer.map((answer) => ({ law: 'any', task, ...rest, answer })))

export const sizingCases = (): readonly SizingCase[] => [
  ...rules,
  ...fc.sample(anyCase, { seed: 37, numRuns: 110 }),
]

const first = { executionId: 'job-7', explicit: {} }
const ended = (outcome: RetryCase['end']['outcome'], allocated: Resources = { memoryBytes: 100e6 }) => ({
  outcome,
  allocated,
})

export const retryCases = (): readonly RetryCase[] => [
  ...outcomes.map((outcome) => ({ law: `after ${outcome}`, first, last: first, end: ended(outcome) })),
  {
    law: 'raised, and killed again',
    first,
    last: {
      executionId: 'job-7/2',
      attempt: 2,
      previousAllocation: { memoryBytes: 50e6 },
      previousOutcome: 'out-of-memory',
    },
    end: ended('out-of-memory'),
  },
  {
    law: 'it could not be raised',
    first,
    last: {
      executionId: 'job-7/2',
      attempt: 2,
      previousAllocation: { memoryBytes: 100e6 },
      previousOutcome: 'out-of-memory',
    },
    end: ended('out-of-memory'),
  },
  {
    law: 'out of memory after out of time',
    first,
    last: {
      executionId: 'job-7/2',
      attempt: 2,
      previousAllocation: { memoryBytes: 100e6 },
      previousOutcome: 'timed-out',
    },
    end: ended('out-of-memory'),
  },
  {
    law: 'its owner has fixed what ran out',
    first: { ...first, explicit: { memoryBytes: 100e6 } },
    last: first,
    end: ended('out-of-memory'),
  },
  {
    law: 'its owner has fixed something else',
    first: { ...first, explicit: { memoryBytes: 100e6 } },
    last: first,
    end: ended('timed-out'),
  },
  { law: 'the last attempt', first, last: { ...first, attempt: 4 }, end: ended('evicted') },
  { law: 'the last but one', first, last: { ...first, attempt: 3 }, end: ended('evicted') },
  { law: 'more attempts', first, last: { ...first, attempt: 4 }, end: ended('evicted'), maxAttempts: 9 },
  { law: 'another outcome', first, last: first, end: ended('failed'), retried: ['failed'] },
  {
    law: 'a scheduler that counts by itself',
    first: { ...first, attempt: 2 },
    last: { ...first, attempt: 2 },
    end: ended('lost'),
  },
]

export const refusedConfigs = (): readonly RefusedConfig[] =>
  [
    { confidenceThreshold: 2 },
    { minExecutions: -1 },
    { risk: -0.1 },
    { headroom: 11 },
    { mode: 'on' },
    { beyondRange: 'hope' },
    { dimensions: ['memory'] },
    { updateInterval: -1 },
    { overrides: [{}, { task: 'a', risk: 7 }] },
  ].map((config) => ({ config }))
