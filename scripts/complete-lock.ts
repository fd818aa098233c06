import { readFileSync, writeFileSync } from 'node:fs'

/**
 * package-lock.json with an entry for every optional platform package. `npm install` leaves out those that the registry
 * it asks does not serve (some mirrors serve only their own platform's), and then `npm ci` refuses the lock everywhere.
 * `--write` adds them, `--check` fails where one is missing.
 */

interface Entry {
  readonly version?: string
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lock {
  packages: Record<string, Entry>
}

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock
const missing = Object.entries(lock.packages).flatMap(([at, entry]) =>
  Object.entries(entry.optionalDependencies ?? {})
    .filter(([name]) => !isFound(at, name))
    .map(([name, version]) => ({ name, version, dev: entry.dev === true })),
)

switch (process.argv[2]) {
  case '--write': {
    for (const { name, version, dev } of missing) {
      lock.packages[`node_modules/${name}`] = {
        version,
        ...platformOf(name),
        ...(dev ? { dev } : {}),
        optional: true,
      } as Entry
    }
    const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
    writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
    break
  }
  case '--check':
    if (missing.length > 0) {
      const names = missing.map(({ name }) => name).join(', ')
      process.stderr.write(`package-lock.json lacks ${names}: run 'node scripts/complete-lock.ts --write'\n`)
      process.exitCode = 1
    }
    break
  default:
    process.stderr.write('complete-lock.ts --write | --check\n')
    process.exitCode = 2
}

/** As Node resolves it: beside the package, then in each folder above. */
function isFound(at: string, name: string): boolean {
  for (let folder = at; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    if (lock.packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true
    if (folder === '') return false
  }
}

/** `…-linux-arm64-musl` runs on linux, arm64, musl. */
function platformOf(name: string): object {
  const [, os, cpu, libc] =
    /-(android|darwin|linux|win32)-(arm64|armv7|arm|x64|ia32)(?:-(musl|gnu))?$/.exec(name) ?? []
  if (os === undefined || cpu === undefined)
    throw new Error(`${name}: its platform cannot be told from its name`)
  return { cpu: [cpu === 'armv7' ? 'arm' : cpu], os: [os], ...(libc === 'musl' ? { libc: ['musl'] } : {}) }
}
