import { useQuery } from '@tanstack/react-query'

export interface ServiceHealth {
  readonly name: string
  readonly isServing: boolean
  readonly problem: string | undefined
}

const services = [
  { name: 'gateway', service: '' },
  { name: 'estimator', service: 'foresize.v1.EstimatorService' },
  { name: 'profiler', service: 'foresize.v1.ProfilerService' },
] as const

/** Standard health of the three processes, as the gateway tells it. */
export function useHealth() {
  return useQuery({
    queryKey: ['health'],
    queryFn: ({ signal }): Promise<readonly ServiceHealth[]> =>
      Promise.all(services.map(({ name, service }) => check(name, service, signal))),
  })
}

async function check(name: string, service: string, signal: AbortSignal): Promise<ServiceHealth> {
  const answer = await fetch('/grpc.health.v1.Health/Check', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ service }),
    signal,
  })
  const body = (await answer.json()) as { readonly status?: string; readonly message?: string }
  const isServing = body.status === 'SERVING'
  return {
    name,
    isServing,
    problem: isServing ? undefined : (body.message ?? 'it says that it does not serve'),
  }
}
