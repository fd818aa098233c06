import { deliver, type Entry, HistoryError, type HistoryFormat } from './history.ts'
import { lines } from './lines.ts'
import { amountsOf, idOf, known, occurrences, parseAmount, parseWhole } from './values.ts'

/**
 * Benchmark files of Snakemake, one row a run, as a table or as JSON lines. With `--benchmark-extended` they name the rule,
 * its threads, resources and inputs; else the file's name is all there is.
 * Source: Snakemake 7 to 9, `benchmark.py`.
 */
export const snakemake: HistoryFormat = {
  description: 'benchmark files of Snakemake, also extended',
  matches: (beginning) => /^\uFEFF?s\th:m:s\t/.test(beginning) || /^\uFEFF?\{[^\n]*"h:m:s":/.test(beginning),
  read(sink, name) {
    const occurredBefore = occurrences()
    let places: ReadonlyMap<string, number> | undefined
    let columns = 0

    function take(text: string, line: number): void {
      if (text.trim() === '') return
      if (text.startsWith('{')) {
        deliver(sink, line, jsonEntry(text, line))
        return
      }
      const fields = text.split('\t')
      if (places === undefined) {
        places = new Map(fields.map((column, index) => [column.trim(), index]))
        columns = fields.length
        if (!places.has('max_rss')) throw new HistoryError('a benchmark of Snakemake needs the field max_rss')
      } else if (fields.length !== columns) {
        sink.fault(line, `has ${fields.length} fields, the header has ${columns}`)
      } else {
        const header = places
        const field = (column: string) => fields[header.get(column) ?? -1]?.trim() ?? ''
        deliver(sink, line, entryOf(text, line, field))
      }
    }

    function jsonEntry(text: string, line: number): Entry {
      try {
        const row = JSON.parse(text) as Readonly<Record<string, unknown>>
        return entryOf(text, line, (column) => {
          const value = row[column] ?? ''
          return typeof value === 'object' ? JSON.stringify(value) : String(value)
        })
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    }

    function entryOf(text: string, line: number, field: (column: string) => string): Entry {
      const amounts = amountsOf(field, blanks)
      const seconds = amounts.of('s', parseAmount)
      const mebibytes = amounts.of('max_rss', parseAmount)
      const cpuSeconds = amounts.of('cpu_time', parseAmount)
      const cores = amounts.of('threads', parseWhole)
      const problem = amounts.problem()
      if (problem !== undefined) return problem
      const resources = numbersIn(field('resources'))
      const inputs = [...numbersIn(field('input_size_mb')).values()]
      const megabytes = resources.get('mem_mb')
      const minutes = resources.get('runtime')
      const requested = known({
        cpuCores: cores ?? resources.get('_cores'),
        memoryBytes: megabytes === undefined ? undefined : megabytes * 1e6,
        durationMs: minutes === undefined ? undefined : minutes * 60_000,
      })
      return {
        line,
        id: idOf('snakemake', name, text, String(occurredBefore(text))),
        task: field('rule_name') || undefined,
        attempt: 1,
        features:
          inputs.length === 0
            ? {}
            : { input_bytes: Math.round(inputs.reduce((sum, size) => sum + size, 0) * mebibyte) },
        labels: {},
        requested,
        allocated: requested,
        used: known({
          durationMs: seconds === undefined ? undefined : seconds * 1000,
          memoryBytes: mebibytes === undefined ? undefined : mebibytes * mebibyte,
          cpuCores: seconds && cpuSeconds !== undefined ? cpuSeconds / seconds : undefined,
        }),
        // A rule that fails has no benchmark.
        outcome: 'succeeded',
        field,
      }
    }

    return lines(take)
  },
}

const mebibyte = 2 ** 20
const blanks: ReadonlySet<string> = new Set(['-', 'NA', 'None'])

/** Of a dictionary as Python or JSON writes it, `{'mem_mb': 1000, 'tmpdir': '/tmp'}`, the numbers. */
function numbersIn(text: string): ReadonlyMap<string, number> {
  const entries = text.matchAll(/(?:'([^']*)'|"([^"]*)"): *(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?=[,}])/g)
  return new Map([...entries].map(([, single, double, number]) => [single ?? double ?? '', Number(number)]))
}
