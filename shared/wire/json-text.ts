/** Characters that are worth a part of their own. */
const partLength = 16 * 1024

/**
 * A value as JSON, in parts, each made in one step: outside of lists it is taken apart, their entries are not.
 * Law: the parts, joined, are what JSON.stringify gives.
 */
export function* jsonText(value: unknown): Generator<string> {
  let part = ''
  for (const text of textsOf(value)) {
    part += text
    if (part.length < partLength) continue
    yield part
    part = ''
  }
  yield part
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) yield JSON.stringify(value)
  else if (Array.isArray(value)) {
    yield '['
    for (const [index, entry] of value.entries()) yield `${index === 0 ? '' : ','}${JSON.stringify(entry)}`
    yield ']'
  } else {
    yield '{'
    let separator = ''
    for (const [name, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      yield `${separator}${JSON.stringify(name)}:`
      yield* textsOf(inner)
      separator = ','
    }
    yield '}'
  }
}

/** Entries of a list that are not objects themselves, in one piece. */
const plainEntries = 1024

/**
 * An object of JSON in objects of its form, its long lists a part each: to be read as messages that are merged.
 * Law: the pieces, their lists joined, are the object.
 */
export function* objectPieces(value: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    yield value
    return
  }
  const entries = Object.entries(value)
  const isLong = ([, inner]: (typeof entries)[number]) => Array.isArray(inner) && inner.length > 1
  yield Object.fromEntries(entries.filter((entry) => !isLong(entry)))
  for (const [name, list] of entries.filter(isLong)) {
    const step = typeof list[0] === 'object' ? 1 : plainEntries
    for (let at = 0; at < list.length; at += step) yield { [name]: list.slice(at, at + step) }
  }
}
