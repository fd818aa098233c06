import type { Sort } from '../components/data-table.tsx'
import { useUrlState } from './url-state.ts'

/** How the table of a page is sorted, as its address says; by `usual`, the largest first, where it does not. */
export function useSort(usual: string): { readonly sort: Sort; readonly onSort: (sort: Sort) => void } {
  const url = useUrlState()
  return {
    sort: { id: url.get('sort') ?? usual, descending: url.get('order') !== 'ascending' },
    onSort: ({ id, descending }) => url.set({ sort: id, order: descending ? undefined : 'ascending' }),
  }
}
