import type { EstimateQuery } from '../shared/domain/estimate.ts'
import { call } from '../shared/rpc/client.ts'
import { fromQuery, type ReceivedEstimate, toEstimate } from '../shared/wire/estimate.ts'
import type { EstimateResponse } from '../shared/wire/gen/foresize/v1/estimator_service.ts'
import type { CommandInput } from './command.ts'
import { calling, estimatorOf, remainingOf } from './connection.ts'

/** One question, answered within what is left of `--within`. Throws: CallError. */
export async function askEstimator(input: CommandInput, query: EstimateQuery): Promise<EstimateResponse> {
  const client = estimatorOf(input)
  try {
    return await calling(input, 'estimator', () =>
      call(client.estimate.bind(client), { query: fromQuery(query) }, remainingOf(input)),
    )
  } finally {
    client.close()
  }
}

/** Throws: Error where there is none. */
export function estimateIn({ estimate }: EstimateResponse): ReceivedEstimate {
  if (estimate === undefined) throw new Error('the answer is empty')
  return toEstimate(estimate)
}
