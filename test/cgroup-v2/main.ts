import { strict as assert } from 'node:assert'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionEnd, ExecutionStart } from '../../shared/wire/gen/foresize/v1/execution.ts'
import { readFrames } from '../../workers/typescript/journal.ts'

/**
 * foresize-run under cgroup v2, for real: a small system of Debian's cloud kernel and busybox boots in qemu, runs it in
 * cgroups with limits (init.sh), and what it has put on record is read here. `make test-cgroup-v2`.
 */

const root = join(import.meta.dirname, '..', '..')
const folder = join(root, '.foresize', 'cgroup-v2')
const debs = join(folder, 'debs')
const system = join(folder, 'root')
const image = join(folder, 'initramfs')

function fetchSystem(): void {
  if (existsSync(join(system, 'usr', 'bin', 'qemu-system-x86_64'))) return
  process.stdout.write(
    'fetching qemu, a kernel and busybox from Debian: about 50 MB, unpacked 250 MB, all of it below .foresize\n',
  )
  mkdirSync(join(debs, 'partial'), { recursive: true })
  const packages = ['qemu-system-x86', 'busybox-static', 'linux-image-cloud-amd64']
  execFileSync(
    'apt-get',
    [
      ...['install', '--download-only', '--reinstall', '--no-install-recommends', '-y', '-qq'],
      ...['-o', 'Debug::NoLocking=1', '-o', `Dir::Cache::archives=${debs}`, ...packages],
    ],
    { stdio: 'inherit' },
  )
  for (const name of readdirSync(debs).filter((each) => each.endsWith('.deb')))
    execFileSync('dpkg', ['-x', join(debs, name), system])
}

function buildImage(): void {
  rmSync(image, { recursive: true, force: true })
  mkdirSync(join(image, 'bin'), { recursive: true })
  const from = (path: string, to: string) => execFileSync('cp', [path, join(image, to)])
  from(join(system, 'bin', 'busybox'), 'bin/busybox')
  from(join(root, '.foresize', 'bin', 'foresize-run'), 'bin/foresize-run')
  from(join(import.meta.dirname, 'init.sh'), 'init')
  execFileSync('cc', [
    '-static',
    '-O1',
    '-o',
    join(image, 'bin', 'burn'),
    join(root, 'test', 'e2e', 'burn.c'),
  ])
  execFileSync(
    'sh',
    ['-c', `find . | "${join(system, 'bin', 'busybox')}" cpio -o -H newc | gzip -1 > ../initramfs.gz`],
    {
      cwd: image,
      stdio: 'ignore',
    },
  )
}

function boot(): string {
  const printed = join(folder, 'serial')
  const [kernel = ''] = readdirSync(join(system, 'boot')).filter((name) => name.startsWith('vmlinuz'))
  process.stdout.write('booting with 512 MB, emulated in software: one core for a minute\n')
  const { stderr } = spawnSync(
    join(system, 'usr', 'bin', 'qemu-system-x86_64'),
    [
      ...[
        '-accel',
        'tcg',
        '-m',
        '512',
        '-display',
        'none',
        '-monitor',
        'none',
        '-serial',
        `file:${printed}`,
        '-no-reboot',
        '-nic',
        'none',
      ],
      ...['-L', join(system, 'usr', 'share', 'seabios'), '-L', join(system, 'usr', 'share', 'qemu')],
      ...['-kernel', join(system, 'boot', kernel), '-initrd', join(folder, 'initramfs.gz')],
      ...['-append', 'console=ttyS0 panic=-1 loglevel=3 random.trust_cpu=on'],
    ],
    {
      encoding: 'utf8',
      timeout: 600_000,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LD_LIBRARY_PATH: librariesIn(system) },
    },
  )
  const stdout = readFileSync(printed, 'utf8')
  assert.match(stdout, /^DONE\r?$/m, `the small system did not come to its end:\n${stdout}\n${stderr}`)
  return stdout
}

const librariesIn = (where: string) =>
  ['usr/lib', 'lib'].map((name) => join(where, name, 'x86_64-linux-gnu')).join(':')

interface Scenario {
  readonly code: number
  readonly start: ExecutionStart
  /** Undefined where the runner was killed. */
  readonly end: ExecutionEnd | undefined
}

function scenariosOf(printed: string): ReadonlyMap<string, Scenario> {
  const found = new Map<string, Scenario>()
  for (const [, name = '', code, encoded = ''] of printed.matchAll(/^SCENARIO (\S+) (\d+) (\S*)\r?$/gm)) {
    const { batches } = readFrames(Buffer.from(encoded, 'base64'))
    const [start] = batches.flatMap(({ starts }) => starts)
    assert(start, `${name} has no start on record`)
    found.set(name, { code: Number(code), start, end: batches.flatMap(({ ends }) => ends)[0] })
  }
  return found
}

fetchSystem()
buildImage()
const scenarios = scenariosOf(boot())
const [succeeded, outOfMemory] = [1, 3]
let checks = 0

/** A check of one scenario that names what it shows. */
function check(law: string, name: string, holds: (scenario: Scenario) => boolean): void {
  const scenario = scenarios.get(name)
  assert(scenario, `there is no scenario ${name}`)
  assert(holds(scenario), `${law}: ${JSON.stringify(scenario, undefined, 1)}`)
  process.stdout.write(`ok ${law}\n`)
  checks++
}
const charged = ({ end }: Scenario) => end?.measured?.chargedMemoryBytes ?? 0
const tree = ({ end }: Scenario) => end?.measured?.treeMemoryBytes ?? 0
const used = ({ end }: Scenario) => end?.used?.memoryBytes ?? 0

check('without a limit only the tree is told', 'unlimited', (s) => charged(s) === 0 && used(s) === tree(s))
check(
  'memory.peak is told beside the tree, and what must be asked for lies between',
  'peak',
  (s) => charged(s) >= used(s) && used(s) >= tree(s) && tree(s) > 20e6 && charged(s) < 40e6,
)
check('a peak older than the run is not its own', 'again', (s) => charged(s) === 0 && used(s) < 5e6)
check(
  'a task of 12 MB passes under 20 MB',
  'tight',
  ({ code, end }) => code === 0 && end?.outcome === succeeded,
)
check('a kill of the command alone is out of memory', 'killed', (s) => s.end?.outcome === outOfMemory)
check('and the bound is what was charged', 'killed', (s) => used(s) > 25e6 && used(s) <= 31_457_280)
check(
  'with memory.oom.group the runner dies too, its start on record',
  'everything',
  ({ code, end, start }) => code === 137 && end === undefined && start.executionId === 'everything',
)
check('nested, the cgroup above that has the limit is read', 'nested', (s) => charged(s) > 20e6)
check('CPU held back by its quota is told', 'throttled', ({ end }) => (end?.measured?.throttledMs ?? 0) > 500)
process.stdout.write(`${checks} passed\n`)
