import { expect, test } from 'vitest'
import { accessRules } from '../../../shared/rpc/access-rules.ts'
import { clientOptionsFor } from '../../../shared/rpc/client.ts'
import { isLoopback, splitAddress } from '../../../shared/rpc/listener.ts'
import {
  anyone,
  authorize,
  authorizeAll,
  mayUse,
  nobody,
  type Principal,
} from '../../../shared/rpc/principal.ts'
import { EstimatorServiceService } from '../../../shared/wire/gen/foresize/v1/estimator_service.ts'
import { ProfilerServiceService } from '../../../shared/wire/gen/foresize/v1/profiler_service.ts'

const tenant: Principal = { name: 't', roles: new Set(['worker']), namespaces: new Set(['default', 'a']) }

test('every call of both services has a rule by its path', () => {
  const methods = [ProfilerServiceService, EstimatorServiceService].flatMap((service) =>
    Object.values(service),
  )
  expect([...accessRules.keys()].toSorted()).toEqual(methods.map(({ path }) => path).toSorted())
})

test('no role but operator deletes, exports or imports; only workers report', () => {
  const rolesOf = (name: string) => accessRules.get(`/foresize.v1.ProfilerService/${name}`)?.roles
  for (const name of ['DeleteProfile', 'ExportProfiles', 'ImportProfiles'])
    expect(rolesOf(name)).toEqual(['operator'])
  for (const name of ['StreamUsage', 'StartProfiling', 'EndProfiling', 'ReportEnd', 'UpdateProfile']) {
    expect(rolesOf(name)).toEqual(['worker'])
  }
})

test('an empty namespace is the default one', () => {
  expect(mayUse(tenant, '')).toBe(true)
  expect(mayUse({ ...tenant, namespaces: new Set(['a']) }, '')).toBe(false)
})

test('all namespaces are for those who may use all', () => {
  expect(() => authorizeAll(tenant, 'all')).toThrow(/must name its namespaces/)
  expect(() => authorizeAll(tenant, ['a', 'b'])).toThrow(/"b"/)
  expect(() => authorizeAll(tenant, ['a', ''])).not.toThrow()
  expect(() => authorizeAll(anyone, 'all')).not.toThrow()
  expect(() => authorize(nobody, 'default')).toThrow(/may not use/)
})

test.each([
  ['127.0.0.1:7070', '127.0.0.1', 7070, true],
  ['127.8.8.8:1', '127.8.8.8', 1, true],
  ['localhost:0', 'localhost', 0, true],
  ['[::1]:7070', '::1', 7070, true],
  ['0.0.0.0:7070', '0.0.0.0', 7070, false],
  ['[::]:7070', '::', 7070, false],
  ['10.0.0.1:7070', '10.0.0.1', 7070, false],
  ['127.0.0.1.example.com:7070', '127.0.0.1.example.com', 7070, false],
])('%s is host %s, port %i; loopback: %s', (address, host, port, loopback) => {
  expect(splitAddress(address)).toEqual({ host, port })
  expect(isLoopback(host)).toBe(loopback)
})

test.each(['one\ntwo', 'of words', 'münze'])(
  'a token that no header can hold is refused unread: %j',
  (token) => {
    const options = () => clientOptionsFor({ target: 'localhost:7070', token })
    expect(options).toThrow('token: must hold one token')
    expect(options).not.toThrow(token)
  },
)

test('a token may end with a line, and an empty one is none', () => {
  const target = 'localhost:7070'
  expect(clientOptionsFor({ target, token: 'secret\r\n' }).interceptors).toHaveLength(1)
  expect(clientOptionsFor({ target, token: '' }).interceptors).toBeUndefined()
})

test('a token leaves this host only over TLS', () => {
  const token = 'secret'
  for (const target of ['profiler:7070', 'dns:///profiler.svc:7070', '10.0.0.1:7070']) {
    expect(() => clientOptionsFor({ target, token })).toThrow(/needs TLS/)
    expect(clientOptionsFor({ target, token, tls: { caFile: 'ca.crt' } }).interceptors).toHaveLength(1)
    expect(clientOptionsFor({ target }).interceptors).toBeUndefined()
  }
  for (const target of ['localhost:7070', '127.0.0.1:7070', 'dns:///localhost:7070', 'dns:127.0.0.1:7070']) {
    expect(clientOptionsFor({ target, token }).interceptors).toHaveLength(1)
  }
})
