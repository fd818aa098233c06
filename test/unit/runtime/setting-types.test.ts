import { expect, test } from 'vitest'
import { z } from 'zod'
import { readConfig } from '../../../shared/runtime/config.ts'
import { address, addressOrNone, cohortLabels } from '../../../shared/runtime/setting-types.ts'

const schema = z.object({ listen: address, metricsListen: addressOrNone.default('') })
const read = (...argv: string[]) => readConfig(schema, { argv, env: {}, envPrefix: 'FORESIZE_TEST' })

test.each(['127.0.0.1:0', 'localhost:7070', '[::1]:65535', ':7070'])('%s can be listened on', (listen) => {
  expect(read(`--listen=${listen}`).listen).toBe(listen)
})

test.each([
  '7070',
  'localhost',
  'localhost:',
  'localhost:65536',
  'localhost:99999999999999999999',
  'localhost:1e3',
])('%s is refused by the name of its setting', (listen) => {
  expect(() => read(`--listen=${listen}`)).toThrow('--listen: must be host:port')
  expect(() => read('--listen=:1', `--metrics-listen=${listen}`)).toThrow('--metrics-listen: ')
})

test.each(['name', 'stem', 'tool=x', ''])('%j makes no cohorts: those of names have its keys', (label) => {
  const labels = z.object({ cohortLabels })
  const refused = () =>
    readConfig(labels, {
      argv: [],
      env: { FORESIZE_TEST_COHORT_LABELS: `tool,${label},queue` },
      envPrefix: 'FORESIZE_TEST',
    })
  expect(refused).toThrow('--cohort-labels: must name a label')
})
