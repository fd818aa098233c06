/** What is asked of the estimator here: a size, never on behalf of an execution. */
export interface Query {
  readonly task: { readonly namespace: string; readonly task: string }
  readonly features: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly requested?: { readonly memoryBytes?: number }
}
