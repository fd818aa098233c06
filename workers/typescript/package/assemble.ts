// Puts the npm package `@foresize/client` (worker and scheduler, compiled, with types) into the folder given:
//   node workers/typescript/package/assemble.ts FOLDER && npm pack FOLDER
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, resolve } from 'node:path'
import { leastNode } from '../../../shared/runtime/node-version.ts'

/** What a user imports, and where it is compiled to. */
const entries: Readonly<Record<string, string>> = {
  '.': 'workers/typescript/worker',
  './command': 'workers/typescript/command',
  './estimator-client': 'services/scheduler/client',
  './learning-scheduler': 'services/scheduler/learning-scheduler',
  './resource-aware-scheduler': 'services/scheduler/resource-aware-scheduler',
  './retrying-scheduler': 'services/scheduler/retrying-scheduler',
  './cluster-scheduler': 'services/scheduler/cluster-scheduler',
  './sizer': 'services/scheduler/sizer',
  './metrics': 'services/scheduler/metrics',
}

const root = join(import.meta.dirname, '..', '..', '..')
const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: node workers/typescript/package/assemble.ts FOLDER\n')
  process.exit(2)
}
const target = resolve(folder)
mkdirSync(target, { recursive: true })
if (readdirSync(target).length > 0) {
  process.stderr.write(`${target} is not empty\n`)
  process.exit(1)
}

const compiler = join(root, 'node_modules', '.bin', 'tsc')
execFileSync(compiler, ['-p', join(import.meta.dirname, 'tsconfig.json'), '--outDir', target], {
  stdio: 'inherit',
})
withoutCodecTypes()
const launcher = 'workers/typescript/launcher/launch'
cpSync(join(root, `${launcher}.c`), join(target, `${launcher}.c`), { recursive: true })
cpSync(join(root, 'workers/typescript/README.md'), join(target, 'README.md'))
cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string
  readonly license: string
  readonly dependencies: Readonly<Record<string, string>>
}
const exported = Object.entries(entries).map(([name, path]) => [
  name,
  { types: `./${path}.d.ts`, default: `./${path}.js` },
])
writeFileSync(
  join(target, 'package.json'),
  `${JSON.stringify(
    {
      name: '@foresize/client',
      version: manifest.version,
      description: 'Reports what tasks use to foresize, and sizes them before they run.',
      license: manifest.license,
      type: 'module',
      engines: { node: leastNode },
      exports: Object.fromEntries(exported),
      // Exact measurement of commands, where there is a C compiler: npm explore @foresize/client -- npm run launcher
      scripts: { launcher: `cc -O2 -o ${launcher} ${launcher}.c` },
      dependencies: Object.fromEntries(imported().map((name) => [name, manifest.dependencies[name]])),
    },
    null,
    2,
  )}\n`,
)

/**
 * The types of the messages speak of those of their codec, which nobody uses through them, and which need TypeScript
 * 5.7: without them the types hold from 5.4 on.
 */
function withoutCodecTypes(): void {
  for (const file of readdirSync(target, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.d.ts')) continue
    const text = readFileSync(join(target, file), 'utf8')
    const own = text.replace(
      /^import \{ BinaryReader, BinaryWriter \} from ["']@bufbuild\/protobuf\/wire["'];$/m,
      'type BinaryReader = object;\ntype BinaryWriter = object;',
    )
    if (own !== text) writeFileSync(join(target, file), own)
  }
}

/** Packages that the compiled files and their types import. */
function imported(): string[] {
  const names = new Set<string>()
  for (const file of readdirSync(target, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(?:js|d\.ts)$/.test(file)) continue
    const text = readFileSync(join(target, file), 'utf8')
    for (const [, path = ''] of text.matchAll(/(?:from|import) ?\(?['"]([^.'"][^'"]*)['"]/g)) {
      const name = path
        .split('/')
        .slice(0, path.startsWith('@') ? 2 : 1)
        .join('/')
      if (!name.startsWith('node:') && !builtinModules.includes(name) && name in manifest.dependencies)
        names.add(name)
    }
  }
  return [...names].sort()
}
