import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { KubernetesClient } from '../kubernetes-client.ts'

interface EndpointSlice {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[]
    readonly conditions?: { readonly ready?: boolean }
  }[]
}

const types = { a: 1, internet: 1 } as const
const codes = { noError: 0, serverFailure: 2, noSuchName: 3 } as const
const ttlSeconds = 5

/**
 * Names of headless Services as a cluster's DNS has them, `NAME.NAMESPACE.svc.cluster.local`: the addresses of their ready
 * Pods. And the API server's. Answers A queries; to others a name that there is has no records.
 * Source: RFC 1035, §4; Kubernetes DNS specification 1.1.0, §2.4.
 */
export async function startDnsServer(address: string, admin: KubernetesClient): Promise<() => void> {
  const socket = createSocket('udp4')

  /** Undefined where there is no such name. */
  async function addressesOf(name: string): Promise<readonly string[] | undefined> {
    if (name === 'kubernetes.default.svc.cluster.local') return [address]
    const [, service, namespace] = /^([^.]+)\.([^.]+)\.svc\.cluster\.local$/.exec(name) ?? []
    if (service === undefined) return undefined
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
    const query = { labelSelector: `kubernetes.io/service-name=${service}` }
    const { body } = await admin.request('GET', path, { query })
    const slices = body.items as readonly EndpointSlice[]
    if (slices.length === 0) return undefined
    const ready = slices
      .flatMap(({ endpoints = [] }) => endpoints)
      .filter(({ conditions }) => conditions?.ready === true)
    return ready.flatMap(({ addresses }) => addresses)
  }

  async function answerTo(query: Buffer): Promise<Buffer> {
    const { name, type, end } = questionIn(query)
    const addresses = await addressesOf(name.toLowerCase()).catch(() => 'failed' as const)
    const code =
      addresses === 'failed'
        ? codes.serverFailure
        : addresses === undefined
          ? codes.noSuchName
          : codes.noError
    const given = type === types.a && addresses !== undefined && addresses !== 'failed' ? addresses : []
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    // A response, recursion asked for and there.
    header.writeUInt16BE(0x8180 | code, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(given.length, 6)
    return Buffer.concat([header, query.subarray(12, end), ...given.map(recordOf)])
  }

  socket.on('message', (query, from) => {
    void answerTo(query).then((answer) => socket.send(answer, from.port, from.address))
  })
  socket.bind(53, address)
  await once(socket, 'listening')
  return () => socket.close()
}

function questionIn(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** Of the name that the question has, at offset 12. */
function recordOf(address: string): Buffer {
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(types.a, 2)
  record.writeUInt16BE(types.internet, 4)
  record.writeUInt32BE(ttlSeconds, 6)
  record.writeUInt16BE(4, 10)
  for (const [i, part] of address.split('.').entries()) record.writeUInt8(Number(part), 12 + i)
  return record
}
