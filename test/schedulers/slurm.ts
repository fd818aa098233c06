import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionRecord } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { compile, countOf, root } from '../e2e/support.ts'
import { type Attempt, type PairWithGateway, type Scheduler, withForesizeAway } from './scheduler.ts'
import { type Cluster, type Job, lacking, startCluster } from './slurm-cluster.ts'

/** integrations/slurm in a real Slurm, as its README sets it up. */
export const slurm: Scheduler = {
  name: 'slurm',
  notRun: lacking,
  async run(pair) {
    const folder = join(root, 'integrations', 'slurm')
    const files = ['cli_filter.lua', 'job_submit.lua', 'foresize.lua'].map((name) => join(folder, name))
    const cluster = await startCluster(sizedBy({ CliFilterPlugins: 'lua' }), files)
    // A loaded machine takes its time.
    writeFileSync(join(cluster.work, 'foresize.conf'), `gateway=${pair.gatewayUrl}\ntimeout_seconds=10\n`)
    let reporter = startReporter(pair, cluster)
    const restartReporter = async () => {
      await reporter.stop()
      reporter = startReporter(pair, cluster)
    }
    try {
      return { version: cluster.version, attempts: await attempts(pair, cluster, restartReporter) }
    } finally {
      await reporter.stop()
      await cluster.stop()
    }
  },
}

const mebibyte = 2 ** 20
const requestedMiB = 256
const task = 'slurm/linear'

/** Jobs that say nothing of their memory get what the cluster gives them. */
const sizedBy = (plugins: Readonly<Record<string, string>>) => ({
  DefMemPerNode: `${requestedMiB}`,
  ...plugins,
})

function startReporter({ gatewayUrl }: PairWithGateway, { env, work }: Cluster) {
  const program = join(root, 'integrations', 'slurm', 'foresize-slurm')
  const options = ['--gateway', gatewayUrl, '--state', join(work, 'told.json'), '--interval', '1']
  const said = openSync(join(work, 'reporter.log'), 'a')
  const child = spawn('python3', [program, ...options], { env, stdio: ['ignore', said, said] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return {
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

interface Input {
  readonly megabytes: number
  /** Of what a job of this input needs: above one, it needs more than any before. */
  readonly times?: number
}

const needOf = ({ megabytes, times = 1 }: Input) => (10e6 + 2e6 * megabytes) * times

async function attempts(
  pair: PairWithGateway,
  cluster: Cluster,
  restartReporter: () => Promise<void>,
): Promise<readonly Attempt[]> {
  const burn = compile('burn', cluster.work)
  const phaseOf = new Map<number, Attempt['phase']>()

  async function run(input: Input): Promise<{ readonly id: number; readonly isSized: boolean }> {
    const words = `foresize input_bytes=${input.megabytes * 1e6} kind=test`
    const id = await cluster.submit(
      `${burn} ${needOf(input)} 0 2500`,
      `--job-name=${task}`,
      `--comment=${words}`,
    )
    const { state, comment, memoryMiB } = await endedForGood(cluster, id)
    assert.equal(state, 'COMPLETED', `job ${id} of ${memoryMiB} MiB`)
    return { id, isSized: comment.includes(' token=') }
  }
  async function all(phase: Attempt['phase'], inputs: readonly Input[]): Promise<void> {
    const done = await Promise.all(inputs.map(run))
    for (const { id, isSized } of done) {
      phaseOf.set(id, phase)
      assert.equal(isSized, phase === 'sized', `job ${id} is ${isSized ? '' : 'not '}sized`)
    }
  }
  const told = (count: number) => pair.profile(task, (profile) => countOf(profile) >= count)
  const some = (count: number, offset: number): Input[] =>
    Array.from({ length: count }, (_, i) => ({ megabytes: 10 + ((offset + i * 7) % 40) }))

  await all('learned', some(10, 0))
  await told(10)
  await untilAsked(pair)
  await all('sized', some(10, 3))
  await told(20)
  await keepsItsOwn(cluster)

  // One that needs twice what it used to is killed, queued again with more, and completes.
  await all('sized', [{ megabytes: 20, times: 2 }])
  await pair.profile(task, ({ outcomes }) => outcomes.some(({ outcome }) => outcome === outOfMemory))

  await withForesizeAway(pair, () => all('away', some(3, 5)))

  await cluster.reconfigure(sizedBy({ JobSubmitPlugins: 'lua' }))
  await untilAsked(pair)
  // Ten at once, each of which the controller asks for.
  await all('sized', some(10, 1))

  const counted = await pair.profile(task, (profile) => countOf(profile) >= 35)
  const rows = (await cluster.ask('sacct', '-a', '-D', '-n', '-X', '-P', '-o', 'JobIDRaw')).trim().split('\n')
  assert.equal(countOf(counted), rows.length, 'each attempt that sacct knows is told once')
  // One that has forgotten what it told tells it again: the profiler knows it.
  rmSync(join(cluster.work, 'told.json'))
  await restartReporter()
  const isTold = () => readFileSync(join(cluster.work, 'told.json'), 'utf8').includes('slurm-foresize-')
  for (let looks = 0; looks < 200; looks++) {
    try {
      if (isTold()) break
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert(isTold(), 'it tells them again')
  assert.equal(countOf(await told(rows.length)), rows.length, 'and none counts twice')

  return counted.executions.map((record) => attemptOf(record, phaseOf))
}

/** A job that would be sized says what it wants in another way: Slurm refuses to be told twice. */
async function keepsItsOwn(cluster: Cluster): Promise<void> {
  const job = [`--job-name=${task}`, '--comment=foresize input_bytes=2e7 kind=test', '--wrap=true']
  for (const own of ['--mem=64M', '--mem-per-cpu=64M', '--mem-per-gpu=64M'])
    await cluster.ask('sbatch', '--test-only', own, ...job).catch((error: Error) => {
      // There is no GPU here.
      assert.match(error.message, /Invalid generic resource/, own)
    })
}

const [succeeded, outOfMemory] = [1, 3]

function attemptOf(record: ExecutionRecord, phaseOf: ReadonlyMap<number, Attempt['phase']>): Attempt {
  const { executionId, features, allocated, used, outcome } = record
  const phase = phaseOf.get(Number(executionId.split('-')[2]))
  assert(phase !== undefined, `a job of ours: ${executionId}`)
  return {
    phase,
    inputBytes: features['input_bytes'] ?? 0,
    neededBytes: used?.memoryBytes ?? 0,
    requestedBytes: requestedMiB * mebibyte,
    givenBytes: allocated?.memoryBytes ?? 0,
    durationMs: used?.durationMs ?? 0,
    ended: outcome === succeeded ? 'completed' : outcome === outOfMemory ? 'killed' : 'failed',
  }
}

/** A job killed for memory is given a minute to be queued again. */
async function endedForGood(cluster: Cluster, id: number): Promise<Job> {
  let job = await cluster.ended(id)
  for (let looks = 0; job.state === 'OUT_OF_MEMORY' && looks < 120; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    job = await cluster.ended(id)
  }
  return job
}

/** Until the gateway answers from what was learned. */
async function untilAsked({ gatewayUrl }: PairWithGateway): Promise<void> {
  const query = { task: { task }, features: { input_bytes: 2e7 }, labels: { kind: 'test' } }
  for (let asks = 0; asks < 200; asks++) {
    const answer = await fetch(`${gatewayUrl}/foresize.v1.EstimatorService/Estimate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    }).catch(() => undefined)
    if ((await answer?.text())?.includes('ESTIMATE_SOURCE_PROFILE')) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the estimator has not learned of it')
}
