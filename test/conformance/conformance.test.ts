import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { smallCgroup } from './cgroup.ts'
import { everything, type ProfilerUnderTest, profilerUnderTest } from './profiler.ts'
import { type Driver, isPresent, runner, type Sdk, sdks, startDriver } from './sdks.ts'
import type { Expected, Vector } from './vector.ts'
import { vectors } from './vector.ts'

/** Nobody listens there. */
const nowhere = '127.0.0.1:1'

function check(what: string, value: unknown, expected: Expected): void {
  if (typeof expected !== 'object' || expected === null) return void expect(value, what).toEqual(expected)
  const { atLeast, atMost, holds } = expected as { atLeast?: number; atMost?: number; holds?: string }
  if (atLeast !== undefined) expect(value, what).toBeGreaterThanOrEqual(atLeast)
  if (atMost !== undefined) expect(value, what).toBeLessThanOrEqual(atMost)
  if (holds !== undefined)
    expect(
      (value as string[]).some((each) => each.includes(holds)),
      `${what}: ${value}`,
    ).toBe(true)
}

/** `used.memoryBytes` of an execution record. */
function at(record: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce((value, name) => (value as Record<string, unknown> | undefined)?.[name], record)
}

async function play(
  vector: Vector,
  driver: Driver,
  profiler: ProfilerUnderTest | undefined,
  namespace: string,
) {
  const target = profiler?.address ?? nowhere
  await driver.perform({ op: 'worker', options: { target, namespace, ...vector.worker } })
  for (const [index, step] of vector.steps.entries()) {
    if ('server' in step) {
      await profiler?.server(step.server)
      continue
    }
    const { answer: expected = {}, ...operation } = step
    const answer = await driver.perform(operation)
    for (const [name, value] of Object.entries(expected)) {
      check(`step ${index} (${operation.op}): ${name}`, answer[name], value)
    }
  }
  for (const [task, expected] of Object.entries(vector.profiles ?? {})) {
    const learned = await profiler?.profile(namespace, task)
    expect(learned?.outcomes, `outcomes of ${task}`).toEqual(expected.outcomes)
    expect(learned?.executions.length).toBeGreaterThan(0)
    for (const execution of learned?.executions ?? []) {
      for (const [path, value] of Object.entries(expected.executions ?? {})) {
        check(`${path} of ${task}`, at(execution, path), value)
      }
    }
  }
}

/** A vector that does nothing to the server shares one with the others, in a namespace of its own. */
const isShared = ({ steps, store = 'memory', profiler }: Vector) =>
  store === 'memory' && profiler === undefined && !steps.some((step) => 'server' in step)

let shared: ProfilerUnderTest
beforeAll(async () => {
  shared = await profilerUnderTest('memory')
})
afterAll(() => shared?.stop())

const present = sdks.filter((sdk) => isPresent(sdk, 'conformance'))

/** Plays one vector against a profiler that the vector may stop and start. */
async function conforms(sdk: Sdk, vector: Vector): Promise<void> {
  const { name, store = 'memory' } = vector
  const profiler =
    store === 'none'
      ? undefined
      : isShared(vector)
        ? shared
        : await profilerUnderTest(store, [...everything, ...(vector.profiler ?? [])])
  const driver = startDriver(sdk)
  try {
    await play(vector, driver, profiler, `${sdk.name}/${name}`)
  } finally {
    await driver.stop()
    if (profiler !== shared) await profiler?.stop()
  }
}

if (isPresent(runner, 'conformance')) {
  const ofRuns = vectors.filter(({ name }) => name.includes('one-run'))
  test.each(ofRuns.map((vector): [string, string, Vector] => [vector.name, vector.law, vector]))(
    'foresize-run %s: %s',
    (_name, _law, vector) => conforms(runner, vector),
    60_000,
  )
}

describe.each(present.map((sdk): [string, Sdk] => [sdk.name, sdk]))('%s', (_, sdk) => {
  test.each(vectors.map((vector): [string, string, Vector] => [vector.name, vector.law, vector]))(
    '%s: %s',
    (_name, _law, vector) => conforms(sdk, vector),
    60_000,
  )

  test('a command that the kernel kills for memory is recorded as that, where a cgroup may be made', async () => {
    const cgroup = smallCgroup(sdk.name)
    const driver = startDriver(sdk)
    const namespace = `${sdk.name}/killed`
    try {
      await driver.perform({ op: 'worker', options: { target: shared.address, namespace } })
      // tail holds what has no line end.
      const script = `echo $$ > ${cgroup.procs}; head -c 300000000 /dev/zero | tail > /dev/null`
      const answer = await driver.perform({ op: 'run', task: 'killed', command: ['sh', '-c', script] })
      const outcome = cgroup.isLimited ? 'out-of-memory' : 'succeeded'
      expect(answer).toMatchObject({ outcome })
      await driver.perform({ op: 'flush', deadlineMs: 20_000 })
      expect((await shared.profile(namespace, 'killed'))?.outcomes).toEqual({ [outcome]: 1 })
    } finally {
      await driver.stop()
      cgroup.close()
    }
  }, 60_000)

  test('what a server samples of a task that runs very often stays unbiased', async () => {
    const profiler = await profilerUnderTest('memory', ['--max-reported-per-second=20'])
    const driver = startDriver(sdk)
    try {
      await driver.perform({ op: 'worker', options: { target: profiler.address, namespace: 'often' } })
      const [waves, count] = [40, 100]
      for (let wave = 0; wave < waves; wave++) {
        const id = `w${wave}-`
        await driver.perform({ op: 'start', id, count, task: 'often' })
        await driver.perform({ op: 'end', id, count, outcome: wave % 4 === 0 ? 'failed' : 'succeeded' })
        await driver.perform({ op: 'flush', deadlineMs: 20_000 })
      }
      const { started } = await driver.perform({ op: 'statistics' })
      const outcomes = (await profiler.profile('often', 'often'))?.outcomes ?? {}
      const { failed = 0, succeeded = 0 } = outcomes
      // The fraction falls by halves to 1/32: one standard deviation of the sum of weights is about 240.
      expect(started).toBeLessThan((waves * count) / 2)
      expect(failed + succeeded).toBeGreaterThan(waves * count - 1500)
      expect(failed + succeeded).toBeLessThan(waves * count + 1500)
      expect(succeeded).toBeGreaterThan(failed)
    } finally {
      await driver.stop()
      await profiler.stop()
    }
  }, 60_000)
})
