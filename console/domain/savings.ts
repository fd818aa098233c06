import type { TaskRow } from './task-row.ts'

/** What all tasks together waste in a day, in bytes times milliseconds, and would have wasted with their requests. */
export interface Savings {
  readonly wastePerDay: number
  /** Of the tasks of which both are known. */
  readonly compared: { readonly wastePerDay: number; readonly requestedWastePerDay: number } | undefined
  readonly killed: number
  readonly executions: number
}

export function savings(rows: readonly TaskRow[]): Savings {
  const total = (of: readonly TaskRow[], read: (row: TaskRow) => number | undefined) =>
    of.reduce((sum, row) => sum + (read(row) ?? 0), 0)
  const both = rows.filter(
    ({ wastePerDay, requestedWastePerDay }) =>
      wastePerDay !== undefined && requestedWastePerDay !== undefined,
  )
  return {
    wastePerDay: total(rows, ({ wastePerDay }) => wastePerDay),
    compared:
      both.length === 0
        ? undefined
        : {
            wastePerDay: total(both, ({ wastePerDay }) => wastePerDay),
            requestedWastePerDay: total(both, ({ requestedWastePerDay }) => requestedWastePerDay),
          },
    killed: total(rows, ({ killed }) => killed),
    executions: total(rows, ({ executions }) => executions),
  }
}
