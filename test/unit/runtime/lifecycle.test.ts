import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createLifecycle, type Host, runService } from '../../../shared/runtime/lifecycle.ts'
import { createLog } from '../../../shared/runtime/log.ts'

const log = createLog('test', 'silent')

/** A host that takes signals from the test and notes how it was left. */
function testHost(env: Host['env'] = {}) {
  const events = new EventEmitter()
  const stdin = Object.assign(new EventEmitter(), { resume: () => undefined })
  const left = Promise.withResolvers<number>()
  const codes: number[] = []
  const host = {
    argv: [],
    env,
    stdin,
    stdout: { write: () => true },
    on: (event, listener) => events.on(event, listener),
    exit(code) {
      codes.push(code)
      left.resolve(code)
      return undefined as never
    },
  } satisfies Host
  return {
    host,
    codes,
    stdin,
    left: left.promise,
    signal: (name: string, value?: unknown) => events.emit(name, value),
  }
}

describe('lifecycle', () => {
  test('stops run one after the other, the last added first, once', async () => {
    const order: string[] = []
    const lifecycle = createLifecycle(log)
    for (const name of ['store', 'ingestion', 'server']) {
      lifecycle.onStop(name, async () => {
        order.push(`${name} stops`)
        await Promise.resolve()
        order.push(`${name} stopped`)
      })
    }
    await Promise.all([lifecycle.stop('test'), lifecycle.stop('again')])
    await lifecycle.stop('later')
    expect(order).toEqual([
      'server stops',
      'server stopped',
      'ingestion stops',
      'ingestion stopped',
      'store stops',
      'store stopped',
    ])
  })

  test('a stop that fails does not keep the others from stopping', async () => {
    const order: string[] = []
    const lifecycle = createLifecycle(log)
    lifecycle.onStop('store', () => void order.push('store'))
    lifecycle.onStop('feed', async () => {
      throw new Error('no')
    })
    lifecycle.onStop('server', () => {
      throw new Error('no')
    })
    await lifecycle.stop('test')
    expect(order).toEqual(['store'])
  })
})

describe('a service', () => {
  test.each(['SIGTERM', 'SIGINT'])('stops gently on %s and leaves with 0', async (name) => {
    const { host, signal, left } = testHost()
    const stopped: string[] = []
    await runService(host, log, async (lifecycle) =>
      lifecycle.onStop('server', () => void stopped.push('server')),
    )
    signal(name)
    expect(await left).toBe(0)
    expect(stopped).toEqual(['server'])
  })

  test.each(['end', 'error'])(
    'that was asked to stop with its parent stops gently on %s of standard input',
    async (event) => {
      const { host, stdin, left } = testHost({ FORESIZE_STOP_WITH_STDIN: '1' })
      const stopped: string[] = []
      await runService(host, log, async (lifecycle) =>
        lifecycle.onStop('server', () => void stopped.push('server')),
      )
      stdin.emit(event)
      expect(await left).toBe(0)
      expect(stopped).toEqual(['server'])
    },
  )

  test('started alone never looks at standard input', async () => {
    const { host, stdin } = testHost()
    await runService(host, log, async () => {})
    expect(stdin.eventNames()).toEqual([])
  })

  test('leaves at once on a second signal', async () => {
    const { host, signal, codes } = testHost()
    const release = Promise.withResolvers<void>()
    await runService(host, log, async (lifecycle) => lifecycle.onStop('server', () => release.promise))
    signal('SIGTERM')
    expect(codes).toEqual([])
    signal('SIGTERM')
    expect(codes).toEqual([130])
    release.resolve()
  })

  test('that could not start stops what it had started and leaves with 1', async () => {
    const { host, codes } = testHost()
    const order: string[] = []
    await runService(host, log, async (lifecycle) => {
      lifecycle.onStop('store', () => void order.push('store'))
      throw new Error('port taken')
    })
    expect([codes, order]).toEqual([[1], ['store']])
  })

  test.each(['uncaughtException', 'unhandledRejection'])('stops and leaves with 1 on %s', async (event) => {
    const { host, signal, left } = testHost()
    const stopped: string[] = []
    await runService(host, log, async (lifecycle) =>
      lifecycle.onStop('server', () => void stopped.push('server')),
    )
    signal(event, new Error('bug'))
    expect(await left).toBe(1)
    expect(stopped).toEqual(['server'])
  })

  test('that is told to stop while it starts stops what it has started since, too', async () => {
    const { host, signal, left } = testHost()
    const starting = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<void>()
    const order: string[] = []
    const running = runService(host, log, async (lifecycle) => {
      lifecycle.onStop('store', async () => {
        await opened.promise
        order.push('store')
      })
      starting.resolve()
      await Promise.resolve()
      lifecycle.onStop('server', () => void order.push('server'))
      opened.resolve()
    })
    await starting.promise
    signal('SIGTERM')
    await running
    expect(await left).toBe(0)
    expect(order.toSorted()).toEqual(['server', 'store'])
  })
})
