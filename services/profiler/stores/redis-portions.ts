/**
 * Of one script and of one message: a server serves nobody else while it runs a script, and to send copies what is sent, in one
 * turn of the event loop [2 to 4 ms a MiB].
 */
export const mostBytesAtOnce = 1024 * 1024

/** All in their order, in lists of at most so many items and bytes; one that is larger is by itself. */
export function* portions<T>(
  items: readonly T[],
  most: { readonly items: number; readonly bytes: number },
  bytesOf: (item: T) => number,
): Generator<readonly T[]> {
  let from = 0
  let bytes = 0
  for (const [at, item] of items.entries()) {
    const more = bytesOf(item)
    if (at > from && (at - from === most.items || bytes + more > most.bytes)) {
      yield items.slice(from, at)
      from = at
      bytes = 0
    }
    bytes += more
  }
  if (from < items.length) yield items.slice(from)
}
