import { expect, test } from 'vitest'
import { isOnThisHost } from '../../../shared/rpc/client.ts'

test.each([
  'localhost:7070',
  '127.0.0.1:7070',
  '127.1.2.3:1',
  '[::1]:7070',
  'dns:localhost:7070',
  'dns:///localhost:7070',
  'unix:/run/foresize.sock',
  'ipv4:127.0.0.1:7070',
  'ipv4:127.0.0.1:7070,127.0.0.2:7070',
  'ipv6:[::1]:7070',
])('%s is on this host', (target) => {
  expect(isOnThisHost(target)).toBe(true)
})

test.each([
  'estimator:7071',
  '10.0.0.1:7071',
  '127.0.0.1.example.org:7071',
  'localhost.example.org:7071',
  'dns://10.0.0.1/localhost:7071',
  'dns:///estimator:7071',
  'ipv4:127.0.0.1:7071,10.0.0.1:7071',
  'ipv4:10.0.0.1:7071,127.0.0.1:7071',
  'ipv6:[::1]:7071,[2001:db8::1]:7071',
  '',
])('"%s" is beyond it', (target) => {
  expect(isOnThisHost(target)).toBe(false)
})
