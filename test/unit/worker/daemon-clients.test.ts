import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { daemonClient } from '../../../workers/typescript/daemon-clients.ts'
import { createWorker, type WorkerProblem } from '../../../workers/typescript/worker.ts'
import commands from '../../conformance/daemon-clients.json' with { type: 'json' }
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test.each(commands)('$command asks a daemon: $client', ({ command: [name = '', ...args], client }) => {
  expect(daemonClient(name, args) ?? null).toBe(client)
})

test('whoever runs one is told once that the client is measured', async () => {
  const docker = join(await temporaryDirectory(), 'docker')
  writeFileSync(docker, '#!/bin/sh\n')
  chmodSync(docker, 0o755)
  const problems: WorkerProblem[] = []
  const worker = createWorker({ target: '127.0.0.1:1', onProblem: (problem) => problems.push(problem) })
  const run = (args: readonly string[]) => worker.run({ task: 'contained', command: docker, args }).done
  await run(['run', 'image'])
  await run(['run', 'image'])
  await run(['ps'])
  await worker.close(0)
  expect(problems.filter(({ kind }) => kind !== 'disconnected')).toEqual([
    { kind: 'measures-client', client: 'docker run', task: 'contained' },
  ])
})
