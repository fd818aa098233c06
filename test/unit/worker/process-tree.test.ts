import { expect, test } from 'vitest'
import { treeReader } from '../../../workers/typescript/process-tree.ts'
import { zombieProcess } from '../../support/zombie-process.ts'

test.runIf(process.platform === 'linux')(
  'what has ended before it was seen held nobody knows what',
  async () => {
    const usage = await treeReader(await zombieProcess()).read()
    expect(usage?.processes).toBe(0)
    expect(usage).not.toHaveProperty('memoryBytes')
    expect(usage).not.toHaveProperty('peakMemoryBytes')
  },
)
