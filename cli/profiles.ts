import { ensembleName, type ProfileKey, type ProfileKind, profileKinds } from '../shared/domain/profile.ts'
import {
  dimensionTitles,
  formatBytes,
  formatDimension,
  formatDuration,
  formatNumber,
} from '../shared/domain/quantity-text.ts'
import { quantileSeen } from '../shared/domain/sketch.ts'
import { call } from '../shared/rpc/client.ts'
import { outcomeEnum } from '../shared/wire/enums.ts'
import type {
  OutcomeCount,
  ProfileSummary,
  Profile as WireProfile,
} from '../shared/wire/gen/foresize/v1/profile.ts'
import {
  Profile as ProfileMessage,
  ProfileSummary as SummaryMessage,
} from '../shared/wire/gen/foresize/v1/profile.ts'
import { inspect } from '../shared/wire/inspection.ts'
import { fromProfileKey, toProfile } from '../shared/wire/profile.ts'
import { type Command, type CommandInput, flag, text, UsageError } from './command.ts'
import { calling, deadlineOf, profilerOf } from './connection.ts'
import { connectionOptions } from './connection-options.ts'
import { listProfiles } from './list-profiles.ts'
import { readWhole, readWord } from './options.ts'
import { formatCount, formatResources, formatShare } from './quantity.ts'
import { type Column, table } from './table.ts'
import { namespaceOf } from './task-options.ts'
import { exportProfiles, formatNames, importProfiles } from './transfer.ts'

const defaultLimit = 100

export const profiles: Command = {
  summary: 'Shows what was learned of each task.',
  usage: 'profiles list | get TASK | delete TASK | export [FILE] | import [FILE] [options]',
  details: `
Without a FILE, or with -, export writes to standard output and import reads standard input. The format is told by the file's name
(.jsonl, .csv, else protobuf) or by --format; csv is a summary, and cannot be imported.

  foresize profiles export profiles.jsonl --namespace prod
  foresize profiles import profiles.jsonl --mode merge --dry-run
`,
  positionals: true,
  options: {
    kind: { type: 'string', value: 'KIND', description: `${profileKinds.join(', ')} (default task)` },
    prefix: { type: 'string', value: 'TEXT', description: 'list only tasks whose name starts so' },
    limit: { type: 'string', value: 'N', description: `list at most so many (default ${defaultLimit})` },
    format: { type: 'string', value: 'FORMAT', description: `of the file: ${formatNames.join(', ')}` },
    mode: {
      type: 'string',
      value: 'MODE',
      description: 'import: merge (default) folds in what is missing, replace puts the imported in place',
    },
    'dry-run': { type: 'boolean', description: 'import: check and count, write nothing' },
    ...connectionOptions('profiler'),
  },

  async run(input) {
    const [action = 'list', task, ...more] = input.positionals
    if (more.length > 0) throw new UsageError(`one, please: "${more[0]}" is too many`)
    if (action === 'list') return list(input)
    const path = task === '-' ? undefined : task
    if (action === 'export') return exportProfiles(input, path)
    if (action === 'import') return importProfiles(input, path)
    if (action !== 'get' && action !== 'delete') throw new UsageError(`there is no "profiles ${action}"`)
    const key: ProfileKey = { namespace: namespaceOf(input), kind: kindOf(input), task: task ?? '' }
    if (task === undefined && key.kind !== 'namespace')
      throw new UsageError(`profiles ${action} needs a task`)
    return action === 'get' ? get(input, key) : remove(input, key)
  },
}

async function list(input: CommandInput): Promise<number> {
  const limit = readWhole(input, 'limit') ?? defaultLimit
  const { profiles: found, hasMore } = await listProfiles(input, {
    namespace: namespaceOf(input),
    kind: kindOf(input),
    taskPrefix: text(input, 'prefix') ?? '',
    limit,
  })
  if (flag(input, 'json')) input.out(`${JSON.stringify(found.map(SummaryMessage.toJSON), null, 2)}\n`)
  else if (found.length === 0) input.out(whyNone(input))
  else input.out(table(summaryColumns, found, input.width))
  if (hasMore) input.err(`The first ${limit}; more with --limit.\n`)
  return 0
}

function whyNone(input: CommandInput): string {
  const prefix = text(input, 'prefix')
  const where = `namespace ${namespaceOf(input)}`
  if (prefix !== undefined) return `No ${kindOf(input)} of ${where} begins with "${prefix}".\n`
  return `No ${kindOf(input)} was reported in ${where} yet: "foresize run" makes the first, --namespace looks into another.\n`
}

const summaryColumns: readonly Column<ProfileSummary>[] = [
  { title: 'task', value: ({ key }) => key?.task ?? '' },
  { title: 'runs', align: 'right', value: ({ outcomes }) => formatCount(total(outcomes)) },
  { title: 'ok', align: 'right', value: ({ outcomes }) => formatCount(countOf(outcomes, 'succeeded')) },
  { title: 'oom', align: 'right', value: ({ outcomes }) => formatCount(countOf(outcomes, 'out-of-memory')) },
  { title: 'running', align: 'right', value: ({ running }) => String(running) },
  { title: 'memory p50', align: 'right', value: ({ median }) => formatBytes(median?.memoryBytes) },
  { title: 'p95', align: 'right', value: ({ p95 }) => formatBytes(p95?.memoryBytes) },
  { title: 'max', align: 'right', value: ({ max }) => formatBytes(max?.memoryBytes) },
  { title: 'cpu p50', align: 'right', value: ({ median }) => formatNumber(median?.cpuCores) },
  { title: 'time p50', align: 'right', value: ({ median }) => formatDuration(median?.durationMs) },
  { title: 'p95', align: 'right', value: ({ p95 }) => formatDuration(p95?.durationMs) },
  { title: 'last seen', value: ({ lastSeenUnixMs }) => formatTime(lastSeenUnixMs) },
]

async function get(input: CommandInput, key: ProfileKey): Promise<number> {
  const client = profilerOf(input)
  try {
    const { profile } = await calling(input, 'profiler', () =>
      call(client.getProfile.bind(client), { key: fromProfileKey(key) }, deadlineOf(input)),
    )
    if (profile === undefined) throw new Error('the answer is empty')
    if (flag(input, 'json')) input.out(`${JSON.stringify(ProfileMessage.toJSON(profile), null, 2)}\n`)
    else input.out(describe(profile, input.width))
    return 0
  } finally {
    client.close()
  }
}

function describe(message: WireProfile, width: number | undefined): string {
  const profile = inspect((seen) => toProfile(message, '', seen))
  const { key, revision, statistics, executions, accuracy, running } = profile
  const outcomes = profile.outcomes.map(({ outcome, count }) => `${formatCount(count)} ${outcome}`).join(', ')
  const head = [
    `${key.kind} ${key.task} in ${key.namespace}, revision ${revision}`,
    `${outcomes || 'nothing ended yet'}; ${running.length} running; first ${formatTime(profile.firstSeenUnixMs)}, last ${formatTime(profile.lastSeenUnixMs)}`,
  ]
  const figures = table(
    [
      { title: '', value: ({ dimension }) => dimensionTitles[dimension] },
      { title: 'mean', align: 'right', value: (s) => formatDimension(s.dimension, s.mean) },
      { title: 'p50', align: 'right', value: (s) => formatDimension(s.dimension, quantileSeen(s, 0.5)) },
      { title: 'p95', align: 'right', value: (s) => formatDimension(s.dimension, quantileSeen(s, 0.95)) },
      { title: 'max', align: 'right', value: (s) => formatDimension(s.dimension, s.max) },
    ],
    statistics,
    width,
  )
  const latest = table(
    [
      { title: 'latest executions', value: ({ executionId }) => executionId.slice(0, 36) },
      { title: 'outcome', value: ({ outcome }) => outcome },
      { title: 'used', value: ({ used }) => formatResources(used) },
      { title: 'given', value: ({ allocated }) => formatResources(allocated) },
      { title: 'features', value: ({ features }) => formatFeatures(features) },
    ],
    executions.slice(-10).reverse(),
    width,
  )
  const scores = table(
    [
      { title: 'estimates', value: ({ dimension }) => dimensionTitles[dimension] },
      { title: 'scored', align: 'right', value: (a) => formatCount(a.executions) },
      { title: 'suffices', align: 'right', value: (a) => formatShare(a.coverage) },
      { title: 'error', align: 'right', value: (a) => formatShare(a.relativeError) },
    ],
    accuracy.filter(({ strategy }) => strategy === ensembleName),
    width,
  )
  return [head.join('\n'), figures, latest, scores]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

async function remove(input: CommandInput, key: ProfileKey): Promise<number> {
  const client = profilerOf(input)
  try {
    await calling(input, 'profiler', () =>
      call(client.deleteProfile.bind(client), { key: fromProfileKey(key) }, deadlineOf(input)),
    )
    input.out(flag(input, 'json') ? '{}\n' : `Forgotten: ${key.task}\n`)
    return 0
  } finally {
    client.close()
  }
}

function kindOf(input: CommandInput): ProfileKind {
  return readWord(input, 'kind', profileKinds) ?? 'task'
}

function total(outcomes: readonly OutcomeCount[]): number {
  return outcomes.reduce((sum, { count }) => sum + count, 0)
}

function countOf(outcomes: readonly OutcomeCount[], word: Parameters<typeof outcomeEnum.toWire>[0]): number {
  return total(outcomes.filter(({ outcome }) => outcome === outcomeEnum.toWire(word)))
}

function formatTime(unixMs: number): string {
  return unixMs === 0 ? '–' : new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')
}

function formatFeatures(features: Readonly<Record<string, number>>): string {
  return Object.entries(features)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
