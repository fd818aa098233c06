import { ClampKind, EstimateSource } from '../contract/gen/foresize/v1/estimator_service_pb.js'

/** Where an answer comes from, to follow "from". */
export const sourceWords: Readonly<Record<EstimateSource, string>> = {
  [EstimateSource.UNSPECIFIED]: 'an unknown source',
  [EstimateSource.PROFILE]: 'its own executions',
  [EstimateSource.COHORT]: 'similar tasks',
  [EstimateSource.REQUEST]: 'what was requested',
  [EstimateSource.NAMESPACE]: 'the tasks of its namespace',
  [EstimateSource.DEFAULT]: 'the configured default',
  [EstimateSource.ESCALATION]: 'escalation after a kill',
}

export const clampWords: Readonly<Record<ClampKind, string>> = {
  [ClampKind.UNSPECIFIED]: 'a bound',
  [ClampKind.POLICY_MIN]: 'raised to the least that the policy allows',
  [ClampKind.POLICY_MAX]: 'lowered to the most that the policy allows',
  [ClampKind.LIMIT]: 'held within what the estimator answers at all',
}
