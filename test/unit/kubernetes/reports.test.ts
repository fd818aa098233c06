import { credentials, Server, ServerCredentials } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { reports } from '../../../services/kubernetes/agent/reports.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import {
  ProfilerServiceClient,
  ProfilerServiceService,
} from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'
import { recordOf } from '../../support/executions.ts'

test('closing waits no longer than its deadline for a profiler that takes a report and does not answer', async () => {
  const taken = Promise.withResolvers<void>()
  const server = new Server()
  server.register(
    ProfilerServiceService.updateProfile.path,
    () => taken.resolve(),
    (x: Buffer) => x,
    (x: Buffer) => x,
    'unary',
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  const client = new ProfilerServiceClient(`127.0.0.1:${port}`, credentials.createInsecure())
  const settings = { reportIntervalMs: 1, reportTimeoutMs: 3_600_000, maxWaitingReports: 10 }
  const reporting = reports(client, settings, createLog('test', 'silent'))
  try {
    reporting.add(recordOf('a'))
    await taken.promise
    await reporting.close(10)
    expect(reporting.waiting()).toBe(1)
  } finally {
    client.close()
    server.forceShutdown()
  }
})
