import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createLog } from '../../../shared/runtime/log.ts'
import {
  counterOf,
  countersOf,
  gaugeOf,
  gaugesOf,
  histogramOf,
  processMetrics,
  startMetricsServer,
} from '../../../shared/runtime/metrics.ts'

const log = createLog('test', 'silent')

async function samplesOf(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('what is read when asked is read each time; a label that is gone is forgotten', async () => {
  const registry = new Registry()
  let value = 1
  let names = ['a', 'b']
  gaugeOf(registry, 'g', 'help', () => value)
  gaugesOf(registry, 'gs', 'help', ['name'], () => names.map((name) => [[name], value] as const))
  counterOf(registry, 'c_total', 'help', () => value)
  countersOf(registry, 'cs_total', 'help', ['x', 'y'], () => [[['1', '2'], value]])
  expect(await samplesOf(registry)).toEqual([
    'g 1',
    'gs{name="a"} 1',
    'gs{name="b"} 1',
    'c_total 1',
    'cs_total{x="1",y="2"} 1',
  ])
  value = 5
  names = ['b']
  expect(await samplesOf(registry)).toEqual(['g 5', 'gs{name="b"} 5', 'c_total 5', 'cs_total{x="1",y="2"} 5'])
})

test('a gauge without a value says nothing, rather than 0', async () => {
  const registry = new Registry()
  gaugesOf(registry, 'nothing', 'help', [], () => [])
  expect(await samplesOf(registry)).toEqual([])
})

test('a histogram says what one of prom-client says of the same values', async () => {
  const bounds = [0.1, 1, 2.5]
  const anyValue = fc.oneof(fc.constantFrom(0, ...bounds, 1e9), fc.double({ min: 0, max: 3, noNaN: true }))
  await fc.assert(
    fc.asyncProperty(fc.array(anyValue), async (values) => {
      const [ours, theirs] = [new Registry(), new Registry()]
      const observe = histogramOf(ours, 'waits_seconds', 'How long.', bounds)
      const histogram = new Histogram({
        name: 'waits_seconds',
        help: 'How long.',
        buckets: bounds,
        registers: [theirs],
      })
      for (const value of values) {
        observe(value)
        histogram.observe(value)
      }
      expect(await ours.metrics()).toBe(await theirs.metrics())
    }),
  )
})

test('metrics and health are served, and nothing else', async () => {
  let healthy = true
  const registry = processMetrics()
  const server = await startMetricsServer({ listen: '127.0.0.1:0', registry, isHealthy: () => healthy, log })
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://${server?.address}${path}`, { method })
    return [response.status, await response.text()] as const
  }
  const [code, text] = await get('/metrics')
  expect(code).toBe(200)
  expect(text).toMatch(/^process_resident_memory_bytes \d+/m)
  expect((await get('/healthz'))[0]).toBe(200)
  healthy = false
  expect((await get('/healthz'))[0]).toBe(503)
  expect((await get('/'))[0]).toBe(404)
  expect((await get('/metrics', 'POST'))[0]).toBe(405)
  await server?.close()
})

test('a port that is taken leaves the service without metrics, not without service', async () => {
  const options = { registry: new Registry(), isHealthy: () => true, log }
  const first = await startMetricsServer({ listen: '127.0.0.1:0', ...options })
  expect(await startMetricsServer({ listen: first?.address ?? '', ...options })).toBeUndefined()
  await first?.close()
})
