// Puts the npm package `foresize` (command line and services, compiled) into the folder given:
//   node scripts/release/cli-package.ts FOLDER && npm pack FOLDER
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadAll } from '../../cli/commands.ts'
import { manOverview, manPage } from '../../cli/man-page.ts'
import { leastNode } from '../../shared/runtime/node-version.ts'

const root = join(import.meta.dirname, '..', '..')
const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: node scripts/release/cli-package.ts FOLDER\n')
  process.exit(2)
}
const target = resolve(folder)
mkdirSync(target, { recursive: true })
execFileSync(join(root, 'deploy/image/compile.sh'), [target], { stdio: 'inherit' })
for (const program of ['foresize', 'kubectl-foresize']) {
  cpSync(join(root, 'cli', program), join(target, 'cli', program))
  chmodSync(join(target, 'cli', program), 0o755)
}
cpSync(join(root, 'README.md'), join(target, 'README.md'))
const launcher = 'workers/typescript/launcher/launch'
cpSync(join(root, `${launcher}.c`), join(target, `${launcher}.c`))

const { name, version, description, license, type, dependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const commands = await loadAll()
const pages = new Map([['foresize.1', manOverview(commands, version)]])
for (const [command, each] of commands) pages.set(`foresize-${command}.1`, manPage(command, each, version))
mkdirSync(join(target, 'man'))
for (const [page, text] of pages) writeFileSync(join(target, 'man', page), text)

const manifest = {
  name,
  version,
  description,
  license,
  type,
  engines: { node: leastNode },
  bin: { foresize: 'cli/foresize', 'kubectl-foresize': 'cli/kubectl-foresize' },
  man: [...pages.keys()].map((page) => `man/${page}`),
  files: ['cli', 'dist', 'man', 'services', 'shared', 'workers'],
  // Exact measurement of commands, where there is a C compiler: npm explore foresize -- npm run launcher
  scripts: { launcher: `cc -O2 -o ${launcher} ${launcher}.c` },
  dependencies,
}
writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
