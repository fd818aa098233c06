import type { HistoryFormat } from './history.ts'
import { htcondor } from './htcondor.ts'
import { htcondorXml } from './htcondor-xml.ts'
import { nextflow } from './nextflow.ts'
import { pbs } from './pbs.ts'
import { sacct } from './sacct.ts'
import { sacctJson } from './sacct-json.ts'
import { snakemake } from './snakemake.ts'
import { time } from './time.ts'
import { traceCsv } from './trace-csv.ts'

/** Told apart by their beginning, in this order: what a table is read from comes before what only looks like one. */
export const formats: Readonly<Record<string, HistoryFormat>> = {
  snakemake,
  nextflow,
  sacct,
  'sacct-json': sacctJson,
  htcondor,
  'htcondor-xml': htcondorXml,
  pbs,
  time,
  trace: traceCsv,
}

/** Undefined where it looks like none. */
export function formatOf(beginning: string): string | undefined {
  return Object.entries(formats).find(([, { matches }]) => matches(beginning))?.[0]
}

/** One line each, for a person. */
export const formatList = Object.entries(formats)
  .map(([name, { description }]) => `  ${name.padEnd(12)} ${description}`)
  .join('\n')
