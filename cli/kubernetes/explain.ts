import { amountsOf } from '../../services/kubernetes/domain/container-resources.ts'
import { decisionAnnotations } from '../../services/kubernetes/domain/names.ts'
import { namespacePolicyOf } from '../../services/kubernetes/domain/namespace-policy.ts'
import { annotationsOf, type ObjectMeta, type Pod } from '../../services/kubernetes/domain/pod.ts'
import { type SizingRequest, sizingRequestOf } from '../../services/kubernetes/domain/sizing-request.ts'
import type { Violation } from '../../shared/domain/errors.ts'
import type { DimensionEstimate, EstimateQuery } from '../../shared/domain/estimate.ts'
import { counted, formatDimension } from '../../shared/domain/quantity-text.ts'
import type { ReceivedEstimate } from '../../shared/wire/estimate.ts'
import { EstimateResponse } from '../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { askEstimator, estimateIn } from '../ask-estimator.ts'
import { type CommandInput, flag, UsageError } from '../command.ts'
import { noticeText } from '../notice-text.ts'
import { formatShare } from '../quantity.ts'
import { type Column, table } from '../table.ts'
import { type Kubectl, namespaceOf } from './kubectl.ts'

/** Why a Pod has the resources that it has: what it asked for, what the webhook decided, what the estimator says now. */
export async function explain(input: CommandInput, api: Kubectl, named: string | undefined): Promise<number> {
  const [, name] = /^(?:pods?\/)?([^/]+)$/.exec(named ?? '') ?? []
  if (name === undefined) throw new UsageError('explain needs a Pod: explain pod/NAME')
  const namespace = await namespaceOf(input, api)
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`
  const [pod, of] = await Promise.all([
    api.get<Pod>(`${path}/pods/${encodeURIComponent(name)}`),
    api.get<{ readonly metadata: ObjectMeta }>(path),
  ])
  const { policy, violations } = namespacePolicyOf(of.metadata)
  const request = sizingRequestOf(pod, namespace, policy)
  const remarks = [...violations, ...request.violations].map(sentence)
  if ('left' in request) {
    input.out(`pod/${name} is left as it is: ${request.explanation}.\n${remarks.join('')}`)
    return 1
  }
  const response = await askEstimator(input, queryOf(request))
  if (flag(input, 'json')) {
    const { task, mode, features, labels, asked } = request
    const decided = decisionIn(pod)
    const given = request.container.resources ?? {}
    const estimate = EstimateResponse.toJSON(response)
    input.out(
      `${JSON.stringify({ task, mode, features, labels, asked, decided, given, estimate }, null, 2)}\n`,
    )
    return 0
  }
  input.out(described(name, pod, request, estimateIn(response), input.width))
  if (remarks.length > 0) input.out(`\n${remarks.join('')}`)
  return 0
}

/** As the webhook asks for a first attempt. */
const queryOf = ({ task, features, labels, requested }: SizingRequest): EstimateQuery => ({
  ...{ task, features, labels, requested },
  attempt: 1,
  previousAllocation: {},
  policy: {},
})

const sentence = ({ field, description }: Violation) => `note: ${field} ${description}\n`

/** The webhook's annotations, by their names without the prefix. */
function decisionIn(pod: Pod): Readonly<Record<string, string>> {
  const annotations = annotationsOf(pod)
  return Object.fromEntries(
    Object.entries(decisionAnnotations).flatMap(([name, key]) => {
      const value = annotations[key]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

interface Row {
  readonly what: string
  readonly asked: string
  readonly given: string
  readonly limit: string
  readonly now: DimensionEstimate | undefined
}

const columns: readonly Column<Row>[] = [
  { title: '', value: ({ what }) => what },
  { title: 'asked', align: 'right', value: ({ asked }) => asked },
  { title: 'given', align: 'right', value: ({ given }) => given },
  { title: 'limit', align: 'right', value: ({ limit }) => limit },
  {
    title: 'would give now',
    align: 'right',
    value: ({ now }) => (now === undefined ? '–' : formatDimension(now.dimension, now.allocation)),
  },
  {
    title: 'expected',
    align: 'right',
    value: ({ now }) => (now === undefined ? '–' : formatDimension(now.dimension, now.expected)),
  },
  {
    title: 'sure',
    align: 'right',
    value: ({ now }) => (now === undefined ? '–' : formatShare(now.confidence)),
  },
  { title: 'by', value: ({ now }) => now?.strategy || now?.source || '' },
]

function described(
  name: string,
  pod: Pod,
  request: SizingRequest,
  now: ReceivedEstimate,
  width: number | undefined,
): string {
  const { task, container, mode, features, labels, explicit } = request
  const { decision, reason, attempt, retryOf, advice } = decisionIn(pod)
  const known = [...Object.entries(features), ...Object.entries(labels)].map(
    ([key, value]) => `${key}=${value}`,
  )
  const isExplicit = Object.keys(explicit).length > 0
  const lines = [
    `pod/${name}: task ${task.task}, container ${container.name}, mode ${mode}`,
    `inputs: ${known.join(' ') || 'none; annotations foresize.dev/feature.NAME tell them'}`,
    decision === undefined
      ? 'decision: none; the webhook has not seen this Pod'
      : `decision: ${decision}, ${reason ?? 'without a reason'}`,
    ...(attempt === undefined
      ? []
      : [`attempt ${attempt}${retryOf === undefined ? '' : `, after Pod ${retryOf}`}`]),
    ...(advice === undefined ? [] : [`advice: ${advice}`]),
    ...(isExplicit
      ? [
          'what it asks for is explicit and stays; foresize.dev/resources=request on the namespace lets it change',
        ]
      : []),
    `now: ${formatShare(now.confidence)} sure to suffice, from ${now.source} (${counted(Math.round(now.executions), 'execution')}); ${now.reason}`,
    ...now.notices.map((notice) => `note: ${noticeText(notice, task.task)}`),
  ]
  return `${lines.join('\n')}\n\n${table(columns, rowsOf(request, now), width)}`
}

function rowsOf({ asked, container }: SizingRequest, { dimensions }: ReceivedEstimate): readonly Row[] {
  const sized = { memory: 'memoryBytes', cpu: 'cpuCores' } as const
  return Object.entries(sized).map(([what, dimension]) => {
    const shown = (quantity: string | undefined) =>
      quantity === undefined ? '–' : formatDimension(dimension, amountsOf({ [what]: quantity })[dimension])
    return {
      what,
      asked: shown(asked[what as keyof typeof sized]),
      given: shown(container.resources?.requests?.[what]),
      limit: shown(container.resources?.limits?.[what]),
      now: dimensions.find((each) => each.dimension === dimension),
    }
  })
}
