// Builds what is published, from the working tree, into dist/release/: node scripts/release/main.ts [PART]…
// What this machine cannot build is named at the end, and the exit code is 1.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { version } from '../../shared/runtime/version.ts'
import { type Part, parts } from './parts.ts'

const root = join(import.meta.dirname, '..', '..')
const sumsFile = 'SHA256SUMS'
const folder = resolve(process.env['RELEASE_FOLDER'] ?? join(root, 'dist', 'release'))
const names = process.argv.slice(2).length > 0 ? process.argv.slice(2) : Object.keys(parts)

for (const name of names) {
  if (!Object.hasOwn(parts, name)) fail(`there is no part ${name}: ${Object.keys(parts).join(', ')}`)
}
// What is emptied is what an earlier call has filled.
if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, sumsFile)))
  fail(`RELEASE_FOLDER ${folder}: holds no release, and is not emptied`)
const missing: string[] = []
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, sumsFile), '')
const tree = workingTree()
for (const name of names) {
  const why = (parts[name] as Part)({ version, folder, tree })
  process.stdout.write(`${name}: ${why === undefined ? 'built' : `NOT BUILT: ${why}`}\n`)
  if (why !== undefined) missing.push(name)
}
writeFileSync(join(folder, sumsFile), sums())
process.stdout.write(`${relative(process.cwd(), folder)}: ${files().length} files\n`)
if (missing.length > 0) process.exitCode = 1

function fail(why: string): never {
  process.stderr.write(`make release: ${why}\n`)
  process.exit(2)
}

/** The tree of all files that git would take, as they lie here. */
function workingTree(): string {
  const scratch = mkdtempSync(join(tmpdir(), 'foresize-index-'))
  const env = { ...process.env, GIT_INDEX_FILE: join(scratch, 'index') }
  const git = (...args: readonly string[]) =>
    execFileSync('git', args, { cwd: root, env, encoding: 'utf8' }).trim()
  try {
    git('read-tree', 'HEAD')
    git('add', '--all')
    return git('write-tree')
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function files(): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile() && name !== sumsFile)
    .sort()
}

/** As `sha256sum --check` reads it. */
function sums(): string {
  const line = (name: string) =>
    `${createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex')}  ${name}\n`
  return files().map(line).join('')
}
