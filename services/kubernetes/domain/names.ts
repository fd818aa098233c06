/** Of all labels and annotations that are foresize's. */
export const ownPrefix = 'foresize.dev/'

/** On a namespace: it opts in, and the value is its learning mode. Without it the webhook is not called for it. */
export const modeLabel = `${ownPrefix}mode`

/** On a namespace, as annotations: how its Pods are sized. */
export const namespaceAnnotations = {
  /** `explicit`, the default: what a container asks for is given. `request`: it is given until more is known. */
  resources: `${ownPrefix}resources`,
  /** `memory`, the default: the memory limit is the memory given. `none`: no limit is written. */
  limits: `${ownPrefix}limits`,
  /** Quantities: what is given is not above. */
  maxMemory: `${ownPrefix}max-memory`,
  maxCpu: `${ownPrefix}max-cpu`,
} as const

/** On a Pod or a Pod template: what its owner may say. */
export const podAnnotations = {
  /** The task's name, where the one derived from the owner would not do. */
  task: `${ownPrefix}task`,
  /** The container that is the task, where there are several. */
  container: `${ownPrefix}container`,
  /** In place of the namespace's mode. */
  mode: `${ownPrefix}mode`,
} as const

/** `foresize.dev/feature.input_bytes: "2e9"`, and the same for labels: `foresize.dev/label.tool: bwa`. */
export const featurePrefix = `${ownPrefix}feature.`
export const labelPrefix = `${ownPrefix}label.`

/** On a Pod or a Pod template: what the webhook decided. With `task` and `container`, all that the agent has to know. */
export const decisionAnnotations = {
  /** A SizingReason. */
  decision: `${ownPrefix}decision`,
  /** For a person. */
  reason: `${ownPrefix}reason`,
  /** Base64. Absent where there was no estimate. */
  estimateToken: `${ownPrefix}estimate-token`,
  /** What the container asked for, as JSON: `{"cpu":"1","memory":"2Gi"}`. */
  requested: `${ownPrefix}requested`,
  /** What foresize would give, in the mode `advise`; the same form. */
  advice: `${ownPrefix}advice`,
  /** From 1. Absent on a first attempt. */
  attempt: `${ownPrefix}attempt`,
  /** UID of the Pod that was the attempt before. */
  retryOf: `${ownPrefix}retry-of`,
} as const
