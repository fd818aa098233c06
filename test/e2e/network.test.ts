import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { faultEnvironment } from '../support/faults.ts'
import { eventually, foresize, type Pair, startPair } from './support.ts'

/** Networks as they are: names that nobody answers, ports that say nothing, proxies for the web. */

/** Takes connections and never says a word. Remembers what it was sent. */
async function mute(): Promise<{ readonly address: string; readonly server: Server; received(): string }> {
  let received = ''
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      received += data.toString('latin1')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    received: () => received,
  }
}

let pair: Pair
let silent: Awaited<ReturnType<typeof mute>>
beforeAll(async () => {
  ;[pair, silent] = await Promise.all([startPair(), mute()])
})
afterAll(async () => {
  silent.server.close()
  await pair.stop()
})

const commands: readonly (readonly [name: string, (address: string) => string[]])[] = [
  ['estimate', (address) => ['estimate', '--task', 'x', '--estimator', address]],
  ['profiles', (address) => ['profiles', 'list', '--profiler', address]],
  ['accuracy', (address) => ['accuracy', 'x', '--estimator', address]],
  ['doctor', (address) => ['doctor', '--profiler', address, '--estimator', address]],
]

/** So long a look-up hangs: a command that waits for it does not end within its test. */
const namesSeconds = 60

test.each(commands)('%s ends by its own deadline where no name is answered', async (_, argsFor) => {
  const env = await faultEnvironment({ folder: '/', namesSeconds })
  const args = [...argsFor('profiler.nowhere.example:7070'), '--within', '500ms']
  expect((await foresize(args, { env }).done).code).toBe(1)
})

test.each(commands)('%s ends by its own deadline where a port says nothing', async (_, argsFor) => {
  expect((await foresize([...argsFor(silent.address), '--within', '500ms']).done).code).toBe(1)
})

test('no proxy is asked for what is on this host or in the cluster, and none sees a token', async () => {
  const proxy = await mute()
  const token = 'a-token-that-nobody-may-see'
  const env = {
    FORESIZE_TOKEN: token,
    ...Object.fromEntries(
      ['http_proxy', 'https_proxy', 'grpc_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [
        name,
        `http://${proxy.address}`,
      ]),
    ),
  }
  const estimate = ['estimate', '--task', 'x', '--within', '20s']
  const near = await foresize([...estimate, '--estimator', pair.estimatorAddress], { env }).done
  expect(near.code).toBe(0)
  await foresize([...estimate, '--estimator', pair.estimatorAddress], {
    env: { ...env, FORESIZE_USE_PROXY: '1' },
  }).done
  expect(proxy.received()).toBe('')
  // Asked for, it is used beyond this host; a token needs TLS all the way.
  const far = ['--estimator', 'estimator.example:7071', '--within', '20s']
  const withToken = await foresize(['estimate', '--task', 'x', ...far], {
    env: { ...env, FORESIZE_USE_PROXY: '1' },
  }).done
  expect(withToken.stderr).toContain('needs TLS')
  const withoutToken = foresize(['estimate', '--task', 'x', ...far], {
    env: { ...env, FORESIZE_USE_PROXY: '1', FORESIZE_TOKEN: undefined },
  })
  await eventually(async () => proxy.received() || undefined)
  withoutToken.kill('SIGTERM')
  await withoutToken.done
  expect(proxy.received()).toMatch(/^CONNECT estimator\.example:7071/)
  expect(proxy.received()).not.toContain(token)
  proxy.server.close()
})
