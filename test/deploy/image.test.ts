import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isReady, isServing } from '../../cli/health-check.ts'
import { freePort } from '../../cli/pair.ts'
import { createEstimatorClient } from '../../services/scheduler/client.ts'
import { ProfilerServiceClient } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { deployFolder, readManifests } from '../support/manifests.ts'
import { eventually, unary, wireRecord } from '../support/profiler-service.ts'
import { queryOf } from '../support/queries.ts'
import { workloadsOf } from '../support/workloads.ts'

const run = promisify(execFile)
const imageFolder = join(deployFolder, 'image')
const node = '/nodejs/bin/node'

let folder: string
let root: string
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foresize-image-'))
  root = join(folder, 'root')
  await run(join(imageFolder, 'bare-root.sh'), [root])
}, 180_000)

afterAll(async () => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

async function filesIn(place: string): Promise<readonly string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
}

async function bytesIn(place: string): Promise<number> {
  let bytes = 0
  for (const file of await filesIn(place)) bytes += (await stat(file)).size
  return bytes
}

/** Of every file's place and content. */
async function digestOf(place: string): Promise<string> {
  const digest = createHash('sha256')
  for (const file of await filesIn(place)) {
    digest.update(`${file.slice(place.length)}\0${(await stat(file)).mtimeMs}\0`).update(await readFile(file))
  }
  return digest.digest('hex')
}

function start(...args: readonly string[]): { readonly child: ChildProcess; readonly log: () => string } {
  const child = spawn(join(imageFolder, 'enter.sh'), [root, node, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr?.on('data', (chunk) => {
    log += String(chunk)
  })
  children.push(child)
  return { child, log: () => log }
}

test('the services run from nothing but the image’s files, unprivileged, on a read-only root', async () => {
  const profilerAddress = `127.0.0.1:${await freePort()}`
  const estimatorAddress = `127.0.0.1:${await freePort()}`
  const gatewayAddress = `127.0.0.1:${await freePort()}`
  const profiler = start(
    ...['/app/services/profiler/main.js', '--listen', profilerAddress],
    ...['--data-dir', '/data/profiles', '--metrics-listen', ''],
  )
  const estimator = start(
    ...['/app/services/estimator/main.js', '--listen', estimatorAddress],
    ...['--profiler', profilerAddress, '--metrics-listen', ''],
  )
  const gateway = start(
    ...['/app/services/gateway/main.js', '--listen', gatewayAddress, '--metrics-listen', ''],
    ...['--profiler', profilerAddress, '--estimator', estimatorAddress],
  )
  for (const [address, { child, log }, isUp] of [
    [profilerAddress, profiler, isServing],
    [estimatorAddress, estimator, isServing],
    [gatewayAddress, gateway, isReady],
  ] as const) {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(log())
      return isUp(address, 1000)
    })
  }

  const client = new ProfilerServiceClient(profilerAddress, credentials.createInsecure())
  const executions = Array.from({ length: 5 }, (_, i) => wireRecord(`execution-${i}`))
  expect(await unary(client, 'updateProfile', { executions })).toMatchObject({ folded: 5, durability: 2 })
  const scheduler = createEstimatorClient({
    target: estimatorAddress,
    deadlineMs: 10_000,
    updateIntervalMs: 0,
  })
  const query = queryOf({ task: { namespace: 'default', task: 'task' } })
  await eventually(async () => {
    const answer = await scheduler.estimate(query)
    return answer.kind === 'estimate' && answer.estimate.source === 'profile'
  })
  client.close()
  scheduler.close()
  const answer = await fetch(`http://${gatewayAddress}/foresize.v1.EstimatorService/Estimate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":{"task":{"task":"task"}}}',
  })
  expect(await answer.json()).toMatchObject({ estimate: { source: 'ESTIMATE_SOURCE_PROFILE' } })

  const webhook = start('/app/services/kubernetes/admission/main.js', '--help')
  await eventually(async () => webhook.child.exitCode !== null)
  expect(webhook.child.exitCode, webhook.log()).toBe(0)

  for (const { child } of [gateway, profiler, estimator]) {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
    expect(await readlink(`/proc/${child.pid}/root`)).toBe(root)
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])
    expect(uid).toBe(process.getuid?.() === 0 ? 65532 : process.getuid?.())
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(child.exitCode).toBe(0)
  }
}, 60_000)

test('the command line runs from it too; nothing can be written beside /data and /tmp', async () => {
  const { stdout } = await run(join(imageFolder, 'enter.sh'), [root, node, '/app/cli/main.js', '--help'])
  expect(stdout).toContain('Usage: foresize COMMAND')
  for (const place of ['/app', '/nodejs', '/']) {
    const write = `require('node:fs').writeFileSync('${place}/x', 'x')`
    await expect(run(join(imageFolder, 'enter.sh'), [root, node, '--eval', write])).rejects.toThrow(
      /EROFS|EACCES/,
    )
  }
})

test('the example Job’s init container brings what its task runs with', async () => {
  const [job] = workloadsOf(await readManifests('kubernetes/examples/job.yaml'))
  const [init] = job?.pod.initContainers ?? []
  const [task] = job?.pod.containers ?? []
  const shared = join(folder, 'foresize')
  await mkdir(shared)
  const here = (text: string) =>
    text.replaceAll("'/foresize/", `'${shared}/`).replaceAll("'/foresize-run'", `'${root}/foresize-run'`)
  await run(join(root, node), (init?.args ?? []).map(here))
  const [program = '', ...args] = [
    ...((task?.['command'] as readonly string[]) ?? []),
    ...(task?.args ?? []),
  ].map((word) => word.replace(/^\/foresize/, shared))
  const command = args.slice(0, args.indexOf('--') + 1)
  const profiler = `127.0.0.1:${await freePort()}`
  const { stdout, stderr } = await run(program, [...command, 'echo', 'done'], {
    env: { ...process.env, FORESIZE_PROFILER: profiler },
  })
  expect(stdout).toBe('done\n')
  expect(stderr).toMatch(/^foresize run: not reported; .*\n$/)
})

test('it holds no shell, no compiler, no package manager, no sources, no tests', async () => {
  const files = (await filesIn(root)).map((file) => file.slice(root.length))
  expect(
    files.filter((file) => /\/(sh|bash|busybox|npm|npx|gcc|cc|make|python3?|apt|dpkg)$/.test(file)),
  ).toEqual([])
  expect(files.filter((file) => /\.(ts|c|cc|h|gyp|map)$/.test(file))).toEqual([])
  expect(
    files.filter((file) => /\/app\/node_modules\/(vitest|typescript|@biomejs|ts-proto)\//.test(file)),
  ).toEqual([])
})

test('it is small: the application below 40 MB, all in all below 200 MB', async () => {
  expect(await bytesIn(join(root, 'app'))).toBeLessThan(40e6)
  expect(await bytesIn(root)).toBeLessThan(200e6)
})

test('the same tree gives the same bytes', async () => {
  const places = [join(folder, 'once'), join(folder, 'again')]
  // Both at once: a tree that is being worked on would change between them.
  await Promise.all(places.map((place) => run(join(imageFolder, 'assemble.sh'), [place])))
  const [once, again] = await Promise.all(places.map(digestOf))
  expect(again).toBe(once)
}, 60_000)
