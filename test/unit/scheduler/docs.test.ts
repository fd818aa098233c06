import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultLearningConfig, learningModes } from '../../../services/scheduler/domain/learning-config.ts'
import { sizingReasons } from '../../../services/scheduler/domain/sizing.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/scheduling.md'), 'utf8')

test.each([...Object.keys(defaultLearningConfig), ...learningModes, ...sizingReasons])(
  'docs/scheduling.md explains %s',
  (word) => {
    expect(page).toContain(`\`${word}\``)
  },
)
