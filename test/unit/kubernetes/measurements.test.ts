import { expect, test } from 'vitest'
import { cgroupFiles } from '../../../services/kubernetes/agent/cgroup-files.ts'
import { measurements } from '../../../services/kubernetes/agent/measurements.ts'
import { cgroupTree } from '../../support/cgroup-tree.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const uid = '0a1b2c3d-0000-4000-8000-000000000001'
const idOf = (digit: string) => digit.repeat(64)

test.each([
  [2, 'systemd'],
  [2, 'cgroupfs'],
  [1, 'systemd'],
  [1, 'cgroupfs'],
] as const)(
  'cgroups of v%i as the driver %s names them: the peak without page cache, outlasting the cgroup',
  async (version, driver) => {
    const root = await temporaryDirectory()
    const tree = cgroupTree(root, version, driver)
    let nowMs = 0
    const measured = measurements(cgroupFiles(root), 5000, () => nowMs)
    measured.add(uid)
    measured.sweep(nowMs)
    expect(measured.containers()).toBe(0)
    tree.write(uid, idOf('a'), { peakBytes: 1000, chargedBytes: 900, inactiveCacheBytes: 300, cpuSeconds: 1 })
    nowMs = 1000
    measured.sweep(nowMs)
    // More page cache later: the peak may have been of it.
    tree.write(uid, idOf('a'), {
      peakBytes: 2000,
      chargedBytes: 2000,
      inactiveCacheBytes: 1700,
      cpuSeconds: 3,
      oomKills: 1,
    })
    nowMs = 2000
    measured.sweep(nowMs)
    tree.remove(uid, idOf('a'))
    expect(measured.usageOf(uid, idOf('a'))).toEqual({
      peakBytes: 2000,
      neededBytes: 600,
      cpuSeconds: 3,
      throttledMs: 2,
      oomKills: 1,
    })
    expect(measured.usageOf(uid, idOf('a'))).toBeUndefined()
  },
)

test('once the container of the task is known the others are let go; the run after it is found by itself', async () => {
  const root = await temporaryDirectory()
  const tree = cgroupTree(root, 2, 'systemd')
  let nowMs = 0
  const measured = measurements(cgroupFiles(root), 5000, () => nowMs)
  const figures = { peakBytes: 10, chargedBytes: 10, cpuSeconds: 1 }
  for (const digit of ['a', 'b', 'c']) tree.write(uid, idOf(digit), figures)
  measured.add(uid)
  measured.sweep(nowMs)
  expect(measured.containers()).toBe(3)
  measured.keepOnly(uid, idOf('b'))
  nowMs = 6000
  measured.sweep(nowMs)
  expect(measured.containers()).toBe(1)
  tree.remove(uid, idOf('b'))
  tree.write(uid, idOf('d'), { ...figures, peakBytes: 77, chargedBytes: 77 })
  for (nowMs = 12_000; nowMs < 20_000; nowMs += 500) measured.sweep(nowMs)
  expect(measured.usageOf(uid, idOf('d'))).toMatchObject({ peakBytes: 77 })
})
