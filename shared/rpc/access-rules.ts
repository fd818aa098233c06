import {
  type ConfidenceRequest,
  type EstimateRequest,
  EstimatorServiceService,
} from '../wire/gen/foresize/v1/estimator_service.ts'
import { ProfilerServiceService } from '../wire/gen/foresize/v1/profiler_service.ts'
import type { Role } from './principal.ts'

export interface AccessRule<Req> {
  /** One of them is needed. */
  readonly roles: readonly Role[]
  /**
   * The namespaces that the request speaks of.
   * Undefined where its handler checks: events of a stream are refused one by one, a session is claimed by what it is for.
   */
  readonly namespacesOf: ((request: Req) => readonly string[] | 'all') | undefined
}

/** Will not compile until a new call is listed. */
type Rules<Service> = {
  readonly [Method in keyof Service]: Service[Method] extends { requestDeserialize(bytes: Buffer): infer Req }
    ? AccessRule<Req>
    : never
}

const ofTask = (task: { readonly namespace: string } | undefined) => [task?.namespace ?? '']
const ofList = ({ namespaces }: { readonly namespaces: readonly string[] }) =>
  namespaces.length === 0 ? 'all' : namespaces
const ofQuery = ({ query }: EstimateRequest | ConfidenceRequest) => ofTask(query?.task)

const profilerRules: Rules<typeof ProfilerServiceService> = {
  streamUsage: { roles: ['worker'], namespacesOf: undefined },
  startProfiling: { roles: ['worker'], namespacesOf: undefined },
  endProfiling: { roles: ['worker'], namespacesOf: undefined },
  reportEnd: { roles: ['worker'], namespacesOf: undefined },
  updateProfile: {
    roles: ['worker'],
    namespacesOf: ({ executions }) => executions.flatMap(({ task }) => ofTask(task)),
  },
  getProfile: { roles: ['operator', 'estimator'], namespacesOf: ({ key }) => ofTask(key) },
  listProfiles: { roles: ['operator', 'estimator'], namespacesOf: (request) => ofTask(request) },
  // Only those that the caller may read are listed.
  listNamespaces: { roles: ['operator', 'estimator'], namespacesOf: undefined },
  deleteProfile: { roles: ['operator'], namespacesOf: ({ key }) => ofTask(key) },
  watchProfiles: { roles: ['operator', 'estimator'], namespacesOf: ofList },
  exportProfiles: { roles: ['operator'], namespacesOf: ofList },
  // A file may hold any namespace.
  importProfiles: { roles: ['operator'], namespacesOf: () => 'all' },
}

const estimatorRules: Rules<typeof EstimatorServiceService> = {
  estimate: { roles: ['scheduler', 'operator'], namespacesOf: ofQuery },
  estimateBatch: {
    roles: ['scheduler', 'operator'],
    namespacesOf: ({ queries }) => queries.flatMap(({ task }) => ofTask(task)),
  },
  confidence: { roles: ['scheduler', 'operator'], namespacesOf: ofQuery },
  getAccuracy: { roles: ['scheduler', 'operator'], namespacesOf: ({ task }) => ofTask(task) },
}

/** By path, such as `/foresize.v1.EstimatorService/Estimate`. */
export const accessRules: ReadonlyMap<string, AccessRule<never>> = new Map(
  [
    [ProfilerServiceService, profilerRules] as const,
    [EstimatorServiceService, estimatorRules] as const,
  ].flatMap(([service, rules]) =>
    Object.entries(rules).map(([name, rule]) => {
      const path = (service as Readonly<Record<string, { readonly path: string }>>)[name]?.path ?? name
      return [path, rule as AccessRule<never>] as const
    }),
  ),
)
