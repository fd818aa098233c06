import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { defaultFoldSettings } from '../services/profiler/domain/fold.ts'
import { addSamples, noUsage } from '../services/profiler/domain/usage.ts'
import { sealProfile } from '../services/profiler/envelope.ts'
import { ingestion } from '../services/profiler/ingestion.ts'
import { stores } from '../services/profiler/stores/index.ts'
import { connectRedis } from '../services/profiler/stores/redis-client.ts'
import { keysOf } from '../services/profiler/stores/redis-layout.ts'
import { changeProfiles, runScript } from '../services/profiler/stores/redis-scripts.ts'
import { profileId } from '../shared/domain/profile.ts'
import { followingClock, systemClock } from '../shared/runtime/clock.ts'
import { heldBytes } from '../shared/runtime/held-bytes.ts'
import { exampleProfile } from '../test/support/example-profile.ts'
import { startOf } from '../test/support/executions.ts'
import { faultEnvironment } from '../test/support/faults.ts'
import { quietLog } from '../test/support/profiler-fixture.ts'
import { redisServer } from '../test/support/redis.ts'
import { configOf } from '../test/support/stores.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'
import { type Spread, spread } from './bench.ts'
import type { DurableFolds, DurableRound } from './durable-folds.ts'
import { folding, lanes, settings, tasks, writers } from './folding.ts'

/** What ingestion costs inside the profiler, each rate beside the bare thing that it is built on, in turn. */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    'run-ms': { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Math.max(1, Math.round(Number(values.rounds)) || 7)
const runMs = Math.max(50, Number(values['run-ms']) || 1000)

let etagsGiven = 0

/** A claim where no token is asked for. */
const anybody = { scope: undefined, namespaces: undefined, authorize: () => undefined }

interface Figure extends Spread {
  readonly name: string
  readonly unit: string
  readonly goal: string
}

const figures: readonly Figure[] = [
  sampleUpdate(),
  ...(await durableFolds()),
  ...(await redisFolds()),
  ...(await memory()),
]
process.stdout.write(
  values.json
    ? `${JSON.stringify(figures, null, 2)}\n`
    : figures
        .map(({ name, unit, median, min, max, goal }) => {
          const range = `${min.toPrecision(3)} to ${max.toPrecision(3)}`
          return `${name.padEnd(66)} ${median.toPrecision(3).padStart(8)} ${unit}  (${range})${goal === '' ? '' : `, goal ${goal}`}\n`
        })
        .join(''),
)

/** Time to take in one value of one dimension of one sample. */
function sampleUpdate(): Figure {
  const count = 100
  const column = (value: (i: number) => number) => Array.from({ length: count }, (_, i) => value(i))
  const columns = {
    elapsedDeltaMs: column(() => 1000),
    cpuCores: column((i) => (i % 8) / 4),
    memoryBytes: column((i) => 1e9 + i * 4096),
    diskBytes: column((i) => 1e6 * i),
    gpuMemoryBytes: column((i) => 2e9 - i),
  }
  const dimensions = 5
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    let totals = noUsage
    const startMs = performance.now()
    const repeats = 20_000
    for (let i = 0; i < repeats; i++) totals = addSamples(totals, columns)
    if (round > 0) times.push(((performance.now() - startMs) * 1e6) / (repeats * count * dimensions))
    if (totals.elapsedMs === 0) throw new Error('nothing was added')
  }
  return { name: 'a sample, each dimension', unit: 'ns', ...spread(times), goal: '≤ 10' }
}

/**
 * Sixty-four writers, each waiting until its own execution is durable, beside one that does; and what each fold costs them.
 * What many share is the fsync: it is as long as the goal says, whatever this disk does, and then as long as it is.
 */
async function durableFolds(): Promise<readonly Figure[]> {
  const fsyncMs = 3
  const slow = await durableRounds(fsyncMs)
  const here = await durableRounds()
  const rateRatios = (all: readonly DurableRound[]) => spread(all.map(({ rateRatio }) => rateRatio))
  const name = `durable folds into LMDB, ${writers} writers`
  return [
    { name: `${name}: over one of ${fsyncMs} ms at a time`, unit: '×', ...rateRatios(slow), goal: '≥ 40' },
    { name: `${name}: over one fsync at a time, this disk`, unit: '×', ...rateRatios(here), goal: '' },
    {
      name: `${name}: CPU of each`,
      unit: 'µs',
      ...spread(here.map(({ cpuMicros }) => cpuMicros)),
      goal: '≤ 30',
    },
  ]
}

async function durableRounds(fsyncMs?: number): Promise<readonly DurableRound[]> {
  const folder = await temporaryDirectory()
  const slowed = fsyncMs === undefined ? {} : await faultEnvironment({ folder, fsyncMs })
  const child = fork(join(import.meta.dirname, 'durable-folds.ts'), { env: { ...process.env, ...slowed } })
  child.send({ dataDir: folder, rounds, runMs } satisfies DurableFolds)
  const [all] = (await once(child, 'message')) as [readonly DurableRound[]]
  await once(child, 'exit')
  await rm(folder, { recursive: true, force: true })
  return all
}

/**
 * Plain SETs of as many bytes as a profile has whose memory of executions is full; beside them the script that changes
 * one profile with its index and its feed, and executions folded.
 */
async function redisFolds(): Promise<readonly Figure[]> {
  const server = await redisServer(['--appendfsync', 'everysec'])
  const config = configOf({ store: 'redis', redisNodes: [server.node] })
  const store = await stores.redis(config, followingClock(systemClock), quietLog)
  const client = await connectRedis(config, quietLog)
  const sealed = Buffer.from(await sealProfile(exampleProfile(defaultFoldSettings.maxFolded), 'zstd'))
  const fold = folding(store)
  const etags = new Map<number, string>()
  const change = async (lane: number, turn: number) => {
    const key = profileId({ namespace: 'bench', kind: 'task', task: `script-${lane}` })
    const { profile, index, seen, namespaces, feed } = keysOf(key)
    const keys = [index, seen, namespaces, feed, profile(key)]
    const etag = `${etagsGiven++}-${turn}`
    const expected = etags.get(lane) ?? ''
    const [done] = (await runScript(client, changeProfiles, keys, [
      config.maxFeedEntries,
      ...[expected, etag, 'b', sealed, key, 'bench', turn],
    ])) as [unknown]
    if (done !== 1) throw new Error('somebody else has changed it')
    etags.set(lane, etag)
  }
  const scripts: number[] = []
  const folds: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const bare = await lanes(writers, runMs, (lane) => client.run('SET', `plain-${lane}`, sealed))
    const changed = await lanes(writers, runMs, change)
    const folded = await lanes(writers, runMs, (lane) => fold(`task-${lane % tasks}`))
    if (round === 0) continue
    scripts.push(changed.perSecond / bare.perSecond)
    folds.push(folded.perSecond / bare.perSecond)
  }
  await client.close()
  await store.close()
  await server.stop()
  const name = `${writers} writers over plain SETs`
  return [
    {
      name: `profiles changed in Redis, with their feed: ${name}`,
      unit: '×',
      ...spread(scripts),
      goal: '≥ 0.4',
    },
    { name: `executions folded into Redis, in groups: ${name}`, unit: '×', ...spread(folds), goal: '≥ 0.4' },
  ]
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function memory(): Promise<readonly Figure[]> {
  const store = await stores.memory(
    configOf({ store: 'memory', cachedProfiles: 1 }),
    followingClock(systemClock),
    quietLog,
  )
  const count = 5000
  const bytes = async (make: () => Promise<unknown>) => {
    const before = usedBytes()
    const kept = await make()
    const each = (usedBytes() - before) / count
    if (kept === store) throw new Error('never')
    return { median: each, min: each, max: each }
  }
  const put = async (executions: number) => {
    for (let i = 0; i < count; i++) {
      const key = { namespace: 'bench', kind: 'task' as const, task: `idle-${executions}-${i}` }
      await store.commit({
        changes: [{ key, change: () => exampleProfile(executions, key) }],
        checkpoints: new Map(),
      })
    }
  }
  await put(1)
  const full = await bytes(() => put(96))
  const intake = ingestion(store, systemClock, settings, quietLog, heldBytes(settings))
  const open = await bytes(async () => {
    const session = await intake.open('bench', anybody)
    await intake.letIn(['default'], anybody.scope)
    for (let sequence = 1; sequence <= count / 500; sequence++) {
      const starts = Array.from({ length: 500 }, (_, i) => ({
        start: startOf(`open-${sequence}-${i}`, { features: { input_bytes: i }, labels: { tool: 'bwa' } }),
        leaseMs: 60_000,
        path: '',
      }))
      await session.apply({ sequence, starts, samples: [], ends: [] }, Date.now())?.durable
    }
    return session
  })
  const sessions = await bytes(async () => {
    const opened = []
    for (let i = 0; i < count; i++) opened.push(await intake.open(`session-${i}`, anybody))
    return opened
  })
  await store.close()
  return [
    { name: 'memory of an idle profile of 96 executions, compressed', unit: 'bytes', ...full, goal: '' },
    { name: 'memory of an open execution with one feature and one label', unit: 'bytes', ...open, goal: '' },
    { name: 'memory of a session that is held, without executions', unit: 'bytes', ...sessions, goal: '' },
  ]
}
