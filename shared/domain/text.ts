/** At most `length` UTF-16 units and an ellipsis. Never half a surrogate pair, which has no UTF-8. */
export function clipped(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).toWellFormed()}…`
}
