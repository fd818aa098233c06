import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createKubernetesApi } from '../../../services/kubernetes/api.ts'

const folder = mkdtempSync(join(tmpdir(), 'foresize-api-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a call that nobody waits for any more is not made', async () => {
  const file = join(folder, 'token')
  writeFileSync(file, 'token')
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const apiServer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const api = createKubernetesApi({ apiServer, apiCaFile: file, apiTokenFile: file, apiTimeoutMs: 60_000 })
  try {
    const call = api.get('/api/v1/pods', { signal: AbortSignal.abort() })
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    expect(connections).toBe(0)
  } finally {
    api.close()
    server.close()
  }
})
