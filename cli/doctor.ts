import type { ClientSettings } from '../shared/rpc/client.ts'
import { channelCredentials, clientOptions, clientOptionsFor } from '../shared/rpc/client.ts'
import { isLoopback } from '../shared/rpc/listener.ts'
import { version } from '../shared/runtime/version.ts'
import { EstimatorServiceClient } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import {
  ListProfilesRequest,
  ProfilerServiceClient,
} from '../shared/wire/gen/foresize/v1/profiler_service.ts'
import { type Command, type CommandInput, flag, text } from './command.ts'
import { deadlineOf, settingsOf } from './connection.ts'
import { connectionOptions } from './connection-options.ts'
import type { ServiceName } from './defaults.ts'
import {
  type Finding,
  judgeAccess,
  judgeClock,
  judgeFeed,
  judgeReach,
  judgeStore,
  judgeTls,
  judgeVersion,
} from './doctor/findings.ts'
import { examineKubernetes } from './doctor/kubernetes.ts'
import { type Answer, ask, placeOf, reach, shakeHands } from './doctor/probe.ts'
import { kubectl, kubectlOptions } from './kubernetes/kubectl.ts'
import { type Column, table } from './table.ts'

export const doctor: Command = {
  summary: 'Checks a deployment and says what to do.',
  usage: 'doctor [options]',
  details: `
Is each service reachable, whose certificate does it show, whom does it let in, do the clocks and versions agree, what does
its store promise, does the estimator follow the profiler? Exits with 1 where something fails. A token of the role operator
sees most. With --kubernetes: does the API server trust the webhook and get an answer from it, to a dry run; which namespaces
have opted in; does the node agent run, and may it read what it must?

  foresize doctor --profiler profiler:7070 --estimator estimator:7071 --ca ca.crt --token-file token
  foresize doctor --kubernetes
`,
  options: {
    ...connectionOptions('profiler', 'estimator'),
    kubernetes: {
      type: 'boolean',
      description: 'look at the admission webhook and the node agent too, by kubectl',
    },
    ...kubectlOptions,
  },

  async run(input) {
    const examined = [examine(input, 'profiler', askProfiler), examine(input, 'estimator', askEstimator)]
    if (flag(input, 'kubernetes')) examined.push(examineKubernetes(kubectl(input)))
    const findings = (await Promise.all(examined)).flat()
    if (flag(input, 'json')) input.out(`${JSON.stringify(findings, null, 2)}\n`)
    else input.out(report(findings, input.width))
    return findings.some(({ verdict }) => verdict === 'fail') ? 1 : 0
  },
}

type Question = (
  input: CommandInput,
  settings: ClientSettings,
  isTokenShown: boolean,
  withinMs: number,
) => Promise<Answer<{ readonly stalenessMs?: number }>>

async function examine(
  input: CommandInput,
  service: ServiceName,
  question: Question,
): Promise<readonly Finding[]> {
  const settings = settingsOf(input, service)
  const { target, tls } = settings
  const untilMs = performance.now() + deadlineOf(input)
  const leftMs = () => Math.max(1, Math.round(untilMs - performance.now()))
  const place = placeOf(target)
  const isOnThisHost = place !== undefined && isLoopback(place.host)
  const findings: Finding[] = []
  if (place !== undefined) {
    const reached = judgeReach(service, target, await reach(place, leftMs()))
    findings.push(reached)
    if (reached.verdict === 'fail') return findings
    const seen = tls === undefined ? undefined : await shakeHands(place, tls, leftMs())
    const trusted = judgeTls(service, seen, isOnThisHost, Date.now())
    findings.push(trusted)
    if (trusted.verdict === 'fail') return findings
  }
  const hasToken = (settings.token ?? settings.tokenFile) !== undefined
  const answer = await question(input, settings, true, leftMs())
  const open = hasToken ? (await question(input, settings, false, leftMs())).code : undefined
  const { info, clockOffsetMs, response } = answer
  findings.push(judgeAccess(service, answer.code, answer.details, open, isOnThisHost))
  if (clockOffsetMs !== undefined) findings.push(judgeClock(service, clockOffsetMs))
  if (info['version'] !== undefined) findings.push(judgeVersion(service, info['version'], version))
  if (info['store'] !== undefined) findings.push(judgeStore(service, info['store'], info['durability'] ?? ''))
  if (response?.stalenessMs !== undefined) findings.push(judgeFeed(service, response.stalenessMs))
  return findings
}

const optionsOf = (settings: ClientSettings, isTokenShown: boolean) =>
  isTokenShown ? clientOptionsFor(settings) : clientOptions

const askProfiler: Question = async (input, settings, isTokenShown, withinMs) => {
  const options = optionsOf(settings, isTokenShown)
  const client = new ProfilerServiceClient(settings.target, channelCredentials(settings), options)
  try {
    const request = ListProfilesRequest.fromPartial({
      namespace: text(input, 'namespace') ?? '',
      pageSize: 1,
    })
    const { response: _, ...answer } = await ask(client.listProfiles.bind(client), request, withinMs)
    return { ...answer, response: undefined }
  } finally {
    client.close()
  }
}

/** A task that nobody has: its accuracy is empty, and the answer says how old the view is. */
const askEstimator: Question = async (input, settings, isTokenShown, withinMs) => {
  const options = optionsOf(settings, isTokenShown)
  const client = new EstimatorServiceClient(settings.target, channelCredentials(settings), options)
  try {
    const request = { task: { namespace: text(input, 'namespace') ?? '', task: 'foresize-doctor' } }
    return await ask(client.getAccuracy.bind(client), request, withinMs)
  } finally {
    client.close()
  }
}

const columns: readonly Column<Finding>[] = [
  { title: '', value: ({ verdict }) => verdict },
  { title: '', value: ({ service }) => service },
  { title: '', value: ({ check }) => check },
  { title: '', value: ({ found }) => found },
]

function report(findings: readonly Finding[], width: number | undefined): string {
  const rows = table(columns, findings, width).split('\n').slice(1).join('\n')
  const advice = findings
    .filter(({ advice: what }) => what !== '')
    .map(({ service, check, advice: what }) => `${service}, ${check}: ${what}\n`)
  return advice.length === 0 ? rows : `${rows}\nWhat to do\n${advice.join('')}`
}
