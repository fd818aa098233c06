/** Which task: the type of work, not one run of it. */
export interface TaskKey {
  /** The tenant. */
  readonly namespace: string
  /** The task type, for example `align/bwa-mem`. */
  readonly task: string
}

export const defaultNamespace = 'default'
