/** Tags of messages that are read and written by hand: field number × 8 + wire type. */
export const taskTags = { namespace: 0x0a, task: 0x12 } as const
export const entryTags = { key: 0x0a, text: 0x12, number: 0x11 } as const
export const resourceTags = {
  cpuCores: 0x09,
  memoryBytes: 0x11,
  diskBytes: 0x19,
  gpuMemoryBytes: 0x21,
  durationMs: 0x29,
} as const
