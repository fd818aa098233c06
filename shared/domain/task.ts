/** Which task: the type of work, not one run of it. */
export interface TaskKey {
  /** The tenant. */
  readonly namespace: string
  /** The task type, for example `align/bwa-mem`. */
  readonly task: string
}

/** Longest id, namespace, task, key or label in bytes of UTF-8. */
export const maxNameBytes = 256

export const defaultNamespace = 'default'

/** One text a task. Law: two tasks never share it; no part holds a NUL, the edge refuses control characters. */
export const taskId = ({ namespace, task }: TaskKey): string => `${namespace}\0${task}`
