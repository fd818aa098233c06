/** A count that comes to nothing is forgotten. */
export function addTo(counts: Map<string, number>, name: string, step: number): void {
  const count = (counts.get(name) ?? 0) + step
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}
