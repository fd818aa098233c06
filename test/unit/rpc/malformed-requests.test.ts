import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, test } from 'vitest'
import { estimatorDefinition } from '../../../services/estimator/estimate-bytes.ts'
import { profilerDefinition } from '../../../services/profiler/watch-bytes.ts'
import { contractRegistry } from '../../../shared/rpc/contract.ts'
import { type RequestReader, requestReaders } from '../../../shared/rpc/request-reader.ts'

/** Of no request that is served is a part read beyond where it ends, or left out: it is refused, with the part's name. */

/** A field somewhere in a request. */
interface Place {
  readonly path: string
  /** The path of the message that holds it. */
  readonly holder: string
  readonly number: number
  readonly wireType: WireType
  /** The request in which the message that holds it has these bytes. */
  readonly request: (holder: Uint8Array) => Uint8Array
}

/** Eight bytes that are a field which no message has, a double, a text, a packed list and what any message may hold. */
const anything = Buffer.from('z\u0006xxxxxx')
const anythingField = 15
const beginOfGroup = (anythingField << 3) | WireType.StartGroup
const endOfGroup = (anythingField << 3) | WireType.EndGroup

/** What is no field of any message, the tags that are the last byte of one among them. */
const strays = [
  Uint8Array.of(beginOfGroup, endOfGroup),
  Uint8Array.of(endOfGroup),
  Uint8Array.of(endOfGroup, 0),
  Uint8Array.of(WireType.Varint),
  Uint8Array.of(WireType.Varint, 0),
  Uint8Array.of(WireType.Bit64, ...anything),
  Uint8Array.of(WireType.LengthDelimited, 0),
  Uint8Array.of(WireType.StartGroup, WireType.EndGroup),
  Uint8Array.of(WireType.Bit32, ...anything.subarray(0, 4)),
]

const wireTypeOf = (scalar: ScalarType | undefined): WireType => {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited
    case ScalarType.DOUBLE:
      return WireType.Bit64
    default:
      return WireType.Varint
  }
}

function* placesIn(
  type: DescMessage,
  path = '',
  request: Place['request'] = (bytes) => bytes,
): Generator<Place> {
  for (const field of type.fields) {
    if (field.number === anythingField) throw new Error(`${field} is not unknown`)
    const at = path === '' ? field.name : `${path}.${field.name}`
    const holding = { path: at, holder: path, request }
    const isLong = field.fieldKind !== 'scalar' && field.fieldKind !== 'enum'
    yield {
      ...holding,
      number: field.number,
      wireType: isLong ? WireType.LengthDelimited : wireTypeOf(field.scalar),
    }
    const within: Place['request'] = (bytes) =>
      request(new BinaryWriter().tag(field.number, WireType.LengthDelimited).bytes(bytes).finish())
    if (field.fieldKind === 'map') yield* placesInEntry(field, at, within)
    else if (field.message !== undefined) yield* placesIn(field.message, at, within)
  }
}

function* placesInEntry(
  map: DescField & { fieldKind: 'map' },
  path: string,
  request: Place['request'],
): Generator<Place> {
  const holding = { path, holder: path, request }
  yield { ...holding, number: 1, wireType: wireTypeOf(map.mapKey) }
  yield { ...holding, number: 2, wireType: wireTypeOf(map.scalar) }
}

/** Another field behind the request: of what a part takes beyond its end. */
const followed = (request: Uint8Array) => Buffer.concat([request, anything])

const field = ({ number, wireType }: Place, content: Uint8Array, length = content.length) => {
  const writer = new BinaryWriter().tag(number, wireType)
  if (wireType === WireType.LengthDelimited) writer.uint32(length)
  return writer.raw(content).finish()
}

const contentOf = ({ wireType }: Place) => (wireType === WireType.Varint ? Uint8Array.of(0x81, 0) : anything)

function expectRefused(read: RequestReader, bytes: Uint8Array, path: string): void {
  const fields = path === '' ? [] : [{ field: path, description: 'is not well formed' }]
  expect(() => read(Buffer.from(bytes)), path).toThrow(
    expect.objectContaining({ failure: 'invalid', violations: fields }),
  )
}

const services = {
  'foresize.v1.ProfilerService': profilerDefinition,
  'foresize.v1.EstimatorService': estimatorDefinition,
}

const requests = Object.entries(services).flatMap(([name, definition]) => {
  const readers = requestReaders(definition, name)
  return (contractRegistry().getService(name)?.methods ?? []).map((method) => ({
    method: method.name,
    read: readers.get(`/${name}/${method.name}`) as RequestReader,
    places: [...placesIn(method.input)],
  }))
})

describe.each(requests)('a request of $method', ({ read, places }) => {
  const nested = places.filter(({ holder }) => holder !== '')

  test('is read where every part ends where it says', () => {
    for (const place of places)
      expect(() => read(followed(place.request(field(place, contentOf(place))))), place.path).not.toThrow()
  })

  test('is refused where a part says that it ends beyond the message that holds it', () => {
    for (const place of nested) {
      if (place.wireType !== WireType.LengthDelimited) continue
      const holder = field(place, anything, anything.length + anything.length)
      expectRefused(read, followed(place.request(holder)), place.path)
    }
  })

  test('is refused where a message ends within its last field', () => {
    for (const place of nested) {
      const whole = field(place, contentOf(place))
      const cut = place.request(whole.subarray(0, -1))
      const request = followed(Buffer.concat([cut, whole.subarray(-1)]))
      expectRefused(read, request, place.wireType === WireType.LengthDelimited ? place.path : place.holder)
    }
  })

  test('is refused where a message has a field of number 0, or a group', () => {
    for (const { holder, request } of places) {
      for (const part of strays) {
        expectRefused(read, request(part), holder)
        expectRefused(read, followed(request(part)), holder)
      }
    }
  })
})
