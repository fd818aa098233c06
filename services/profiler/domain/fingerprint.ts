/**
 * 53-bit fingerprint of an execution id, exact in a double.
 * Source: cyrb53 by bryc (public domain), two 32-bit multiplicative hashes over UTF-16 units.
 */
export function fingerprint(executionId: string): number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let i = 0; i < executionId.length; i++) {
    const unit = executionId.charCodeAt(i)
    high = Math.imul(high ^ unit, 2654435761)
    low = Math.imul(low ^ unit, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return 4294967296 * (2097151 & low) + (high >>> 0)
}
