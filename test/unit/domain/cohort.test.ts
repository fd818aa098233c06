import { expect, test } from 'vitest'
import {
  type CohortMember,
  cohortKeys,
  defaultCohortLabels,
  putMember,
  summarise,
} from '../../../shared/domain/cohort.ts'
import { profileLimits } from '../../../shared/domain/profile-limits.ts'
import { recordOf } from '../../support/executions.ts'

const key = (task: string, namespace = 'team') => ({ namespace, task })
const namesOf = (task: string, labels: Readonly<Record<string, string>> = {}, by?: readonly string[]) =>
  cohortKeys(key(task), labels, by).map(({ kind, task: name }) => [kind, name])

test('a task is summarised by the logarithms of its needs, and of each over what was requested', () => {
  const requested = { memoryBytes: 1000 }
  const summary = summarise('align', 7, [
    recordOf('a', { memoryBytes: 100 }, { requested }),
    recordOf('b', { memoryBytes: 400, durationMs: 50 }, { requested }),
    recordOf('c', { memoryBytes: 50 }),
  ])
  const logs = [100, 400, 50].map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / 3
  const [memory, time] = summary.dimensions
  expect(summary).toMatchObject({ task: 'align', revision: 7 })
  expect(summary.dimensions).toHaveLength(2)
  expect(memory).toMatchObject({ dimension: 'memoryBytes', count: 3, requests: 2, logMax: Math.log(400) })
  expect(memory?.logMean).toBeCloseTo(mean, 12)
  expect(memory?.logSpread).toBeCloseTo(
    Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / 3),
    12,
  )
  expect(memory?.ratioLogMean).toBeCloseTo((Math.log(0.1) + Math.log(0.4)) / 2, 12)
  expect(memory?.ratioLogMax).toBeCloseTo(Math.log(0.4), 12)
  expect(time).toEqual({
    dimension: 'durationMs',
    count: 1,
    logMean: Math.log(50),
    logSpread: 0,
    logMax: Math.log(50),
    requests: 0,
    ratioLogMean: 0,
    ratioLogMax: 0,
  })
})

test('a need below one has a negative logarithm, and a maximum of it', () => {
  const [cores] = summarise('t', 1, [
    recordOf('a', { cpuCores: 0.5 }, { requested: { cpuCores: 4 } }),
    recordOf('b', { cpuCores: 0.25 }, { requested: { cpuCores: 0 } }),
  ]).dimensions
  expect(cores).toMatchObject({ logMax: Math.log(0.5), requests: 1, ratioLogMax: Math.log(0.125) })
})

test('only needs that were seen whole, and are not nothing, are summarised', () => {
  const killed = recordOf('a', { memoryBytes: 100 }, { outcome: 'out-of-memory' })
  expect(summarise('t', 1, [killed, recordOf('b', { memoryBytes: 0 })]).dimensions).toEqual([])
})

test('a run that took no time took the shortest that is known', () => {
  const [duration] = summarise('t', 1, [recordOf('a', { durationMs: 0 })]).dimensions
  expect(duration).toMatchObject({ dimension: 'durationMs', count: 1, logMean: 0 })
})

const member = (task: string, revision = 1): CohortMember => ({ task, revision, dimensions: [] })

test('a later summary replaces an earlier one and goes to the end; the same or an older one changes nothing', () => {
  const members = [member('a', 3), member('b', 3)]
  expect(putMember(members, member('a', 4))).toEqual([member('b', 3), member('a', 4)])
  expect(putMember(members, member('a', 3))).toBe(members)
  expect(putMember(members, member('a', 2))).toBe(members)
  expect(putMember(members, member('c'))).toEqual([...members, member('c')])
})

test('a cohort keeps the members that were put last', () => {
  let members: readonly CohortMember[] = []
  for (let i = 0; i <= profileLimits.members; i++) members = putMember(members, member(`t${i}`))
  expect(members).toHaveLength(profileLimits.members)
  expect(members[0]?.task).toBe('t1')
})

test('the cohorts of a task are those of its labels in order, of the end of its name, of its stem, and its namespace', () => {
  expect(namesOf('flow:SAMTOOLS_SORT', { queue: 'long', image: 'samtools:1', unheard: 'of' })).toEqual([
    ['cohort', 'image=samtools:1'],
    ['cohort', 'queue=long'],
    ['cohort', 'name=samtools_sort'],
    ['cohort', 'stem=samtools'],
    ['namespace', ''],
  ])
  expect(namesOf('123', { mine: 'x', tool: 'y' }, ['mine'])).toEqual([
    ['cohort', 'mine=x'],
    ['namespace', ''],
  ])
  expect(cohortKeys(key('x1'), {}).map(({ namespace }) => namespace)).toEqual(['team'])
  expect(namesOf('1', { image: '' })).toEqual([['namespace', '']])
})

test.each([['image', 'container', 'tool', 'program', 'process', 'workflow', 'pipeline', 'queue']])(
  'every usual label makes a cohort',
  (...labels) => {
    expect(defaultCohortLabels).toEqual(labels)
  },
)

test.each([
  ['NFCORE_MAG:MAG:FASTQC', 'fastqc'],
  ['iuc/fastp/0.20.1+galaxy0', 'fastp'],
  ['tools/bwa mem', 'mem'],
  ['sort\t\n2', 'sort'],
  ['align/v2', 'align'],
  ['align/v2x', 'align'],
  ['align/2pass', 'align'],
  ['align/step2', 'step2'],
  ['devteam/map', 'map'],
  ['x/galaxyproject', 'galaxyproject'],
])('the part of the name that names something %j is %j', (task, part) => {
  expect(namesOf(task)).toContainEqual(['cohort', `name=${part}`])
})

test.each([
  ['samtools_sort', 'samtools'],
  ['samtools-view_2', 'samtools'],
  ['fastqc', 'fastqc'],
  ['flow:_hidden_step', 'hidden'],
])('the stem of %j is %j', (task, stem) => {
  expect(namesOf(task)).toContainEqual(['cohort', `stem=${stem}`])
})

test.each(['a_sort', '2_sort', '\u200b-sort', 'flow:x1_sort'])('%j has no stem', (task) => {
  expect(namesOf(task).filter(([, name]) => name?.startsWith('stem='))).toEqual([])
})

test.each([
  ['x', 251],
  ['é', 125],
  ['€', 83],
  ['💡', 62],
])('a name of %s is a cohort as long as a key may be, in bytes', (letter, most) => {
  const names = (count: number) =>
    cohortKeys(key('1'), { tool: letter.repeat(count) }).filter(({ kind }) => kind === 'cohort')
  expect(names(most)).toHaveLength(1)
  expect(names(most + 1)).toHaveLength(0)
})
