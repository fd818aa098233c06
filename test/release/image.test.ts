import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { version } from '../../shared/runtime/version.ts'
import { isPresent } from '../conformance/sdks.ts'
import { pathOf, type Released, releaseOf, runIn } from './released.ts'

/** The image's archive, unpacked by umoci, which is not ours: what it holds runs as the image says. */

const root = join(import.meta.dirname, '..', '..')
const hasUmoci = isPresent(
  {
    name: 'image',
    needs: { path: pathOf('umoci') ?? 'umoci', toolchain: 'umoci, a package of Debian and Fedora' },
  },
  'image archive',
)
const pinnedNode = readFileSync(join(root, '.node-version'), 'utf8').trim()
let released: Released
beforeAll(() => {
  released = releaseOf(...(hasUmoci ? ['image'] : ['protos']))
})
afterAll(() => released.remove())

if (hasUmoci) {
  test('it unpacks, names what it runs and as whom, and runs', () => {
    const folder = released.folder('image')
    const layout = released.folder('image/layout')
    runIn(layout, 'tar', ['-xf', released.file('foresize-image', '.tar')])
    const rootless = process.getuid?.() === 0 ? [] : ['--rootless']
    const bundle = join(folder, 'bundle')
    runIn(folder, 'umoci', ['unpack', ...rootless, '--image', `${layout}:${version}`, bundle])

    const { process: started } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'))
    expect(started).toMatchObject({
      args: ['/nodejs/bin/node', 'cli/main.js', '--help'],
      cwd: '/app',
      user: { uid: 65532, gid: 65532 },
    })
    const unpacked = join(bundle, 'rootfs')
    if (rootless.length === 0)
      expect(statSync(join(unpacked, 'data'))).toMatchObject({ uid: 65532, gid: 65532 })
    const [node = '', ...args] = started.args
    const enter = join(root, 'deploy/image/enter.sh')
    const help = runIn(folder, enter, [
      unpacked,
      node,
      ...args.map((arg: string) => arg.replace(/^cli/, '/app/cli')),
    ])
    expect(help).toContain('Usage: foresize COMMAND')
    const measured = ['/foresize-run', '--task', 'version', '--', node, '--version']
    expect(runIn(folder, enter, [unpacked, ...measured])).toBe(`v${pinnedNode}
`)
    expect(runIn(folder, enter, [unpacked, '/foresize-run', '--version'])).toBe(`foresize-run ${version}\n`)
  })
}

test('the same root gives the same image', () => {
  const folder = released.folder('same')
  mkdirSync(join(folder, 'root/data'), { recursive: true })
  writeFileSync(join(folder, 'root/file'), 'content')
  const digest = (name: string) => {
    const file = join(folder, name)
    execFileSync(process.execPath, [
      join(root, 'scripts/release/oci-image.ts'),
      join(folder, 'root'),
      '1.0.0',
      file,
    ])
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  }
  expect(digest('once.tar')).toBe(digest('again.tar'))
})
