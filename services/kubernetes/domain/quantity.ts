const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** A quantity as Kubernetes writes it, such as `1500m`, `2Gi` or `1e9`. Undefined for what is none. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, exponent = '', suffix = ''] =
    /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const value = Number(`${digits}${exponent}`) * (factors[suffix] ?? 1)
  return Number.isFinite(value) ? value : undefined
}

/** Memory to give, rounded up to whole MiB. */
export const memoryQuantity = (bytes: number): string => `${Math.max(1, Math.ceil(bytes / 2 ** 20))}Mi`

/** CPU to give, rounded up to whole thousandths of a core. */
export const cpuQuantity = (cores: number): string => `${Math.max(1, Math.ceil(cores * 1000 - 1e-6))}m`
