import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../cli/pair.ts'
import { eventually, root } from '../e2e/support.ts'

/** A real Slurm of one node with accounting, of Debian's packages, unpacked and run from a folder: nothing is installed. */
export interface Cluster {
  readonly version: string
  /** For programs that ask it: PATH and so on. */
  readonly env: NodeJS.ProcessEnv
  /** Where it keeps what it needs while it runs; gone when it stops. */
  readonly work: string
  /** Runs one of its programs. */
  ask(name: string, ...args: string[]): Promise<string>
  /** Submits a script; its job's id. */
  submit(script: string, ...options: string[]): Promise<number>
  /** A job once it does not run, nor wait to. */
  ended(job: number): Promise<Job>
  /** Starts the controller anew with other settings. */
  reconfigure(settings: Readonly<Record<string, string>>): Promise<void>
  stop(): Promise<void>
}

export interface Job {
  /** For example COMPLETED. */
  readonly state: string
  readonly comment: string
  readonly memoryMiB: number
}

const packages = ['slurmctld', 'slurmd', 'slurmdbd', 'slurm-client', 'munge', 'mariadb-server-core']

/** What this machine lacks. */
export async function lacking(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs to be root, for cgroup limits'
  if (!existsSync('/sys/fs/cgroup/memory/tasks')) return 'it needs the memory controller of cgroup v1'
  if (!existsSync('/usr/bin/apt-get')) return "it takes Slurm from Debian's packages, and there is no apt-get"
  return undefined
}

/** Returns where they are unpacked. */
function fetchPackages(): string {
  const folder = join(root, '.foresize', 'slurm')
  const unpacked = join(folder, 'root')
  if (packages.every((name) => existsSync(join(unpacked, 'usr/share/doc', name)))) return unpacked
  process.stdout.write('fetching Slurm and MariaDB from Debian: about 25 MB, unpacked below .foresize\n')
  const debs = join(folder, 'debs')
  mkdirSync(join(debs, 'partial'), { recursive: true })
  const quiet = ['--download-only', '--no-install-recommends', '-y', '-qq', '-o', 'Debug::NoLocking=1']
  execFileSync('apt-get', ['install', ...quiet, '-o', `Dir::Cache::archives=${debs}`, ...packages], {
    stdio: 'inherit',
  })
  for (const name of readdirSync(debs).filter((each) => each.endsWith('.deb')))
    execFileSync('dpkg', ['-x', join(debs, name), unpacked])
  // As Debian's alternatives do: the daemons know what they are by their name.
  for (const name of ['slurmctld', 'slurmd', 'slurmstepd'])
    symlinkSync(`${name}-wlm`, join(unpacked, 'usr', 'sbin', name))
  return unpacked
}

/** @param files put beside slurm.conf. */
export async function startCluster(
  settings: Readonly<Record<string, string>> = {},
  files: readonly string[] = [],
): Promise<Cluster> {
  const unpacked = fetchPackages()
  const work = mkdtempSync(join(tmpdir(), 'foresize-slurm-'))
  const program = (name: string) => join(unpacked, 'usr', name)
  const libraries = program('lib/x86_64-linux-gnu')
  const plugins = join(libraries, 'slurm-wlm')
  const node = hostname()
  const socket = join(work, 'munge.socket')
  const [databasePort, accountingPort] = [`${await freePort()}`, `${await freePort()}`]
  const common = { PluginDir: plugins, AuthInfo: `socket=${socket}`, SlurmUser: 'root' }
  const config = {
    ...common,
    // A job that is queued again may start once its credential has run out: two minutes by default.
    AuthInfo: `socket=${socket},cred_expire=5`,
    ClusterName: 'foresize',
    SlurmctldHost: `${node}(127.0.0.1)`,
    SlurmdUser: 'root',
    StateSaveLocation: join(work, 'state'),
    SlurmdSpoolDir: join(work, 'spool'),
    SlurmctldPidFile: join(work, 'slurmctld.pid'),
    SlurmdPidFile: join(work, 'slurmd.pid'),
    SlurmctldPort: `${await freePort()}`,
    SlurmdPort: `${await freePort()}`,
    ProctrackType: 'proctrack/cgroup',
    TaskPlugin: 'task/cgroup',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core_Memory',
    JobAcctGatherType: 'jobacct_gather/linux',
    JobAcctGatherFrequency: '1',
    AccountingStorageType: 'accounting_storage/slurmdbd',
    AccountingStorageHost: '127.0.0.1',
    AccountingStoragePort: accountingPort,
    AccountingStoragePass: socket,
    AccountingStoreFlags: 'job_comment',
    MpiDefault: 'none',
    DebugFlags: 'NO_CONF_HASH',
    ReturnToService: '2',
    MinJobAge: '3600',
    MaxJobCount: '10000',
    NodeName: `${node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN`,
    PartitionName: `all Nodes=${node} Default=YES MaxTime=10 State=UP`,
  }
  const groups = {
    CgroupPlugin: 'cgroup/v1',
    CgroupAutomount: 'no',
    CgroupMountpoint: '/sys/fs/cgroup',
    ConstrainRAMSpace: 'yes',
    ConstrainSwapSpace: 'no',
  }
  const accounting = {
    ...common,
    AuthType: 'auth/munge',
    DbdHost: node,
    DbdAddr: '127.0.0.1',
    DbdPort: accountingPort,
    PidFile: join(work, 'slurmdbd.pid'),
    LogFile: join(work, 'slurmdbd.log'),
    StorageType: 'accounting_storage/mysql',
    StorageHost: '127.0.0.1',
    StoragePort: databasePort,
    StorageUser: 'root',
    StorageLoc: 'slurm',
  }
  const write = (name: string, values: object) =>
    writeFileSync(
      join(work, name),
      `${Object.entries(values)
        .map(([key, value]) => `${key}=${value}`)
        .join('\n')}\n`,
      { mode: 0o600 },
    )
  for (const folder of ['state', 'spool', 'database']) mkdirSync(join(work, folder))
  write('slurm.conf', { ...config, ...settings })
  write('cgroup.conf', groups)
  write('slurmdbd.conf', accounting)
  for (const file of files) copyFileSync(file, join(work, basename(file)))

  const env = {
    ...process.env,
    PATH: `${program('bin')}:${process.env['PATH']}`,
    LD_LIBRARY_PATH: `${libraries}:${plugins}`,
    SLURM_CONF: join(work, 'slurm.conf'),
  }
  const daemons: ChildProcess[] = []
  const daemon = (name: string, ...args: string[]) => {
    daemons.unshift(spawn(program(`sbin/${name}`), args, { env, stdio: 'ignore' }))
    return daemons[0] as ChildProcess
  }
  const run = promisify(execFile)
  const ask = async (name: string, ...args: string[]) =>
    (await run(program(`bin/${name}`), args, { env, timeout: 60_000 })).stdout

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    child.kill('SIGTERM')
    await ended
    clearTimeout(timer)
  }

  async function stop(): Promise<void> {
    for (const each of daemons) await end(each)
    rmSync(work, { recursive: true, force: true })
  }

  const startController = () => daemon('slurmctld', '-D', '-L', join(work, 'slurmctld.log'))
  const answers = () => eventually(async () => (await ask('sinfo', '-h', '-o', '%T')).trim() || undefined)
  let controller: ChildProcess

  try {
    const key = join(work, 'munge.key')
    await run(program('sbin/mungekey'), ['--create', '--keyfile', key], { env })
    const places = ['pid-file', 'log-file', 'seed-file'].map(
      (name) => `--${name}=${join(work, `munge.${name}`)}`,
    )
    daemon('munged', '--foreground', '--force', `--socket=${socket}`, `--key-file=${key}`, ...places)
    daemon(
      'mariadbd',
      '--no-defaults',
      // Whoever may connect may do all: it is on loopback, for as long as the test.
      '--skip-grant-tables',
      '--user=root',
      `--datadir=${join(work, 'database')}`,
      `--lc-messages-dir=${program('share/mysql')}`,
      `--character-sets-dir=${program('share/mysql/charsets')}`,
      `--socket=${join(work, 'database.socket')}`,
      '--bind-address=127.0.0.1',
      `--port=${databasePort}`,
      `--pid-file=${join(work, 'database.pid')}`,
      `--log-error=${join(work, 'database.log')}`,
    )
    await eventually(async () => (await ask('munge', '-n', '-S', socket)) || undefined)
    const isReady = () => readFileSync(join(work, 'database.log'), 'utf8').includes('ready for connections')
    await eventually(async () => isReady() || undefined)
    daemon('slurmdbd', '-D')
    await eventually(async () => (await ask('sacctmgr', '-i', 'add', 'cluster', 'foresize')) || undefined)
    controller = startController()
    const stepDaemon = program('sbin/slurmstepd')
    daemon('slurmd', '-D', '-L', join(work, 'slurmd.log'), '-N', node, '-d', stepDaemon)
    await eventually(async () => ((await answers()).includes('idle') ? true : undefined))
  } catch (error) {
    await stop()
    throw error
  }

  return {
    version: (await ask('sbatch', '--version')).trim(),
    env,
    work,
    ask,
    async submit(script, ...options) {
      const quiet = ['--parsable', '--output=/dev/null', '--export=NONE', '-D', '/tmp']
      return Number(await ask('sbatch', ...quiet, ...options, '--wrap', script))
    },
    async ended(job) {
      for (;;) {
        const found = jobOf(await ask('scontrol', 'show', 'job', `${job}`, '-o'))
        if (!underWay.has(found.state)) return found
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    },
    async reconfigure(changed) {
      write('slurm.conf', { ...config, ...changed })
      await end(controller)
      controller = startController()
      await answers()
    },
    async stop() {
      // Jobs outlive the daemons.
      await ask('scancel', '--user=root').catch(() => {})
      await eventually(async () => ((await ask('squeue', '-h')) === '' ? true : undefined)).catch(() => {})
      await stop()
    },
  }
}

const underWay = new Set(['PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING', 'REQUEUED', 'REQUEUE_HOLD'])

function jobOf(text: string): Job {
  const field = (name: string) => new RegExp(`(?:^| )${name}=(.*?)(?= [A-Z][\\w/:]*=|\\s*$)`).exec(text)?.[1]
  return {
    state: field('JobState') ?? '',
    comment: field('Comment') ?? '',
    memoryMiB: Number(/(?:^|,)mem=(\d+)M/.exec(field('TRES') ?? '')?.[1]),
  }
}
