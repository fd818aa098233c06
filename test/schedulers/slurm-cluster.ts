import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../cli/pair.ts'
import { eventually } from '../e2e/support.ts'

/** A real Slurm of one node, of Debian's packages, unpacked and run from a folder: nothing is installed. */
export interface Cluster {
  readonly version: string
  /** Submits a script; its job's id. */
  submit(script: string, memoryMiB: number): Promise<number>
  /** The state of a job once it has ended, for example COMPLETED. */
  ended(job: number): Promise<string>
  stop(): Promise<void>
}

/** What this machine lacks. */
export async function lacking(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs to be root, for cgroup limits'
  if (!existsSync('/sys/fs/cgroup/memory/tasks')) return 'it needs the memory controller of cgroup v1'
  if (!existsSync('/usr/bin/apt-get')) return "it takes Slurm from Debian's packages, and there is no apt-get"
  return undefined
}

const packages = ['slurmctld', 'slurmd', 'slurm-client', 'munge']

export function fetchSlurm(folder: string): void {
  const debs = join(folder, 'debs')
  mkdirSync(join(debs, 'partial'), { recursive: true })
  const quiet = ['--download-only', '--no-install-recommends', '-y', '-qq', '-o', 'Debug::NoLocking=1']
  execFileSync('apt-get', ['install', ...quiet, '-o', `Dir::Cache::archives=${debs}`, ...packages], {
    stdio: 'inherit',
  })
  for (const name of readdirSync(debs).filter((each) => each.endsWith('.deb')))
    execFileSync('dpkg', ['-x', join(debs, name), join(folder, 'root')])
}

/** @param work where it keeps what it needs while it runs. */
export async function startCluster(folder: string, work: string): Promise<Cluster> {
  const program = (name: string) => join(folder, 'root', 'usr', name)
  const libraries = program('lib/x86_64-linux-gnu')
  const plugins = join(libraries, 'slurm-wlm')
  const node = hostname()
  const socket = join(work, 'munge.socket')
  const config = {
    ClusterName: 'foresize',
    SlurmctldHost: `${node}(127.0.0.1)`,
    SlurmUser: 'root',
    SlurmdUser: 'root',
    AuthInfo: `socket=${socket}`,
    PluginDir: plugins,
    StateSaveLocation: join(work, 'state'),
    SlurmdSpoolDir: join(work, 'spool'),
    SlurmctldPidFile: join(work, 'slurmctld.pid'),
    SlurmdPidFile: join(work, 'slurmd.pid'),
    SlurmctldPort: await freePort(),
    SlurmdPort: await freePort(),
    ProctrackType: 'proctrack/cgroup',
    TaskPlugin: 'task/cgroup',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_Core_Memory',
    MpiDefault: 'none',
    ReturnToService: 2,
    MinJobAge: 3600,
    MaxJobCount: 10_000,
    NodeName: `${node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN`,
    PartitionName: `all Nodes=${node} Default=YES MaxTime=10 State=UP`,
  }
  const text = (settings: object) =>
    `${Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join('\n')}\n`
  mkdirSync(join(work, 'state'))
  mkdirSync(join(work, 'spool'))
  writeFileSync(join(work, 'slurm.conf'), text(config))
  const groups = {
    CgroupPlugin: 'cgroup/v1',
    CgroupAutomount: 'no',
    ConstrainRAMSpace: 'yes',
    ConstrainSwapSpace: 'no',
  }
  writeFileSync(join(work, 'cgroup.conf'), text({ ...groups, CgroupMountpoint: '/sys/fs/cgroup' }))

  const env = {
    ...process.env,
    LD_LIBRARY_PATH: `${libraries}:${plugins}`,
    SLURM_CONF: join(work, 'slurm.conf'),
  }
  const daemons: ChildProcess[] = []
  const daemon = (name: string, ...args: string[]) => {
    daemons.push(spawn(program(`sbin/${name}`), args, { env, stdio: 'ignore' }))
  }
  const ask = (name: string, ...args: string[]) =>
    execFileSync(program(`bin/${name}`), args, { env, encoding: 'utf8', timeout: 60_000 })

  async function stop(): Promise<void> {
    for (const each of daemons.reverse()) {
      if (each.exitCode !== null || each.signalCode !== null) continue
      const ended = new Promise((resolve) => each.once('exit', resolve))
      each.kill('SIGTERM')
      await ended
    }
  }

  const key = join(work, 'munge.key')
  execFileSync(program('sbin/mungekey'), ['--create', '--keyfile', key], { env })
  const places = ['pid-file', 'log-file', 'seed-file'].map(
    (name) => `--${name}=${join(work, `munge.${name}`)}`,
  )
  daemon('munged', '--foreground', '--force', `--socket=${socket}`, `--key-file=${key}`, ...places)
  try {
    await eventually(async () => ask('munge', '-n', '-S', socket) || undefined)
    daemon('slurmctld-wlm', '-D', '-L', join(work, 'slurmctld.log'))
    const stepDaemon = program('sbin/slurmstepd-wlm')
    daemon('slurmd-wlm', '-D', '-L', join(work, 'slurmd.log'), '-N', node, '-d', stepDaemon)
    await eventually(async () => (ask('sinfo', '-h', '-o', '%T').includes('idle') ? true : undefined))
  } catch (error) {
    await stop()
    throw error
  }

  return {
    version: ask('sbatch', '--version').trim(),
    async submit(script, memoryMiB) {
      const wrap = [
        '--parsable',
        '--output=/dev/null',
        `--mem=${memoryMiB}M`,
        '--export=NONE',
        '--wrap',
        script,
      ]
      return Number(ask('sbatch', '-D', '/tmp', ...wrap))
    },
    async ended(job) {
      for (;;) {
        const state = /JobState=(\S+)/.exec(ask('scontrol', 'show', 'job', `${job}`, '-o'))?.[1] ?? ''
        if (!['PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING'].includes(state)) return state
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    },
    async stop() {
      // Jobs outlive the daemons.
      ask('scancel', '--user=root')
      await eventually(async () => (ask('squeue', '-h') === '' ? true : undefined))
      await stop()
    },
  }
}
