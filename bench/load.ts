import type { Run } from './bench.ts'
import type { ServerProcess } from './server-process.ts'

/** Keeps `inFlight` calls under way for `runMs`, then waits for the last of them. */
export async function closedLoop(
  server: ServerProcess,
  { inFlight, runMs, operationsPerCall }: { inFlight: number; runMs: number; operationsPerCall: number },
  call: () => Promise<void>,
): Promise<Run> {
  let calls = 0
  const measured = measure(server)
  const endMs = performance.now() + runMs
  const lane = async () => {
    while (performance.now() < endMs) {
      await call()
      calls++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return measured(calls * operationsPerCall)
}

/** Starts the clocks; what it returns stops them. */
export function measure(server: Pick<ServerProcess, 'cpuSeconds'>): (operations: number) => Run {
  const [startMs, startCpuSeconds] = [performance.now(), server.cpuSeconds()]
  return (operations) => ({
    operations,
    seconds: (performance.now() - startMs) / 1000,
    serverCpuSeconds: server.cpuSeconds() - startCpuSeconds,
  })
}
