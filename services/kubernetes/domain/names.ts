const prefix = 'foresize.dev/'

/** On a namespace: it opts in, and the value is its learning mode. Without it the webhook is not called for it. */
export const modeLabel = `${prefix}mode`

/** On a namespace, as annotations: how its Pods are sized. */
export const namespaceAnnotations = {
  /** `explicit`, the default: what a container asks for is given. `request`: it is given until more is known. */
  resources: `${prefix}resources`,
  /** `memory`, the default: the memory limit is the memory given. `none`: no limit is written. */
  limits: `${prefix}limits`,
  /** Quantities: what is given is not above. */
  maxMemory: `${prefix}max-memory`,
  maxCpu: `${prefix}max-cpu`,
} as const

/** On a Pod or a Pod template: what its owner may say. */
export const podAnnotations = {
  /** The task's name, where the one derived from the owner would not do. */
  task: `${prefix}task`,
  /** The container that is the task, where there are several. */
  container: `${prefix}container`,
  /** In place of the namespace's mode. */
  mode: `${prefix}mode`,
} as const

/** `foresize.dev/feature.input_bytes: "2e9"`, and the same for labels: `foresize.dev/label.tool: bwa`. */
export const featurePrefix = `${prefix}feature.`
export const labelPrefix = `${prefix}label.`

/** On a Pod or a Pod template: what the webhook decided. With `task` and `container`, all that the agent has to know. */
export const decisionAnnotations = {
  /** A SizingReason. */
  decision: `${prefix}decision`,
  /** For a person. */
  reason: `${prefix}reason`,
  /** Base64. Absent where there was no estimate. */
  estimateToken: `${prefix}estimate-token`,
  /** What the container asked for, as JSON: `{"cpu":"1","memory":"2Gi"}`. */
  requested: `${prefix}requested`,
  /** What foresize would give, in the mode `advise`; the same form. */
  advice: `${prefix}advice`,
  /** From 1. Absent on a first attempt. */
  attempt: `${prefix}attempt`,
  /** UID of the Pod that was the attempt before. */
  retryOf: `${prefix}retry-of`,
} as const
