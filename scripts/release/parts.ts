import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
/** As `make runner` leaves it. */
const runnerHere = join(root, '.foresize', 'bin', 'foresize-run')
const goModule = 'github.com/foresize/foresize/workers/go'

export interface Release {
  readonly version: string
  /** Where what is built goes. */
  readonly folder: string
  /** The git tree of what is released: the working tree, committed or not. */
  readonly tree: string
}

/** Builds one part of a release into its folder. Returns why it cannot be built here; undefined where it was. */
export type Part = (release: Release) => string | undefined

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  execFileSync(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })

const has = (command: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function inScratch<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'foresize-release-'))
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function npmPackage(assemble: string, folder: string): void {
  inScratch((scratch) => {
    run(process.execPath, [assemble, join(scratch, 'package')])
    run('npm', ['pack', '--silent', '--pack-destination', folder, join(scratch, 'package')])
  })
}

const npm: Part = ({ folder }) => {
  npmPackage('scripts/release/cli-package.ts', folder)
  npmPackage('workers/typescript/package/assemble.ts', folder)
  return undefined
}

/** Wheel and sdist, by what is pinned for it. */
const python: Part = ({ folder, tree }) => {
  if (!has('python3')) return 'there is no python3'
  return inScratch((scratch) => {
    run('python3', ['-m', 'venv', join(scratch, 'venv')])
    const bin = join(scratch, 'venv', 'bin', 'python')
    run(bin, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'build==1.3.0'])
    const source = sourcesOf(tree, 'workers/python', scratch)
    cpSync(join(root, 'LICENSE'), join(source, 'LICENSE'))
    run(bin, ['-m', 'build', '--outdir', folder, source])
    return undefined
  })
}

/** As the Go proxy serves it, so that `GOPROXY=file://…/go` installs it. */
const go: Part = ({ folder, version, tree }) => {
  const place = join(folder, 'go', goModule, '@v')
  mkdirSync(place, { recursive: true })
  const prefix = `${goModule}@v${version}/`
  run('git', [
    ...['archive', '--format=zip', '--output', join(place, `v${version}.zip`)],
    ...[`--prefix=${prefix}`, '--add-file=LICENSE', `${tree}:workers/go`],
  ])
  cpSync(join(root, 'workers/go/go.mod'), join(place, `v${version}.mod`))
  writeFileSync(join(place, `v${version}.info`), `${JSON.stringify({ Version: `v${version}` })}\n`)
  writeFileSync(join(place, 'list'), `v${version}\n`)
  return undefined
}

/** This machine's kind, as Go and OCI name it. */
const goArch = () => (process.arch === 'x64' ? 'amd64' : process.arch)

/** The contract alone, for any other language. */
const protos: Part = ({ folder, version, tree }) => {
  const name = `foresize-proto-${version}`
  run('git', [
    ...['archive', '--format=tar.gz', '--output', join(folder, `${name}.tar.gz`)],
    ...[`--prefix=${name}/`, '--add-file=LICENSE', `${tree}:proto`, 'foresize/v1'],
  ])
  return undefined
}

const runner: Part = ({ folder }) => {
  if (!has('go')) return 'there is no go'
  for (const arch of ['amd64', 'arm64']) {
    const out = join(folder, `foresize-run-linux-${arch}`)
    // In CI, what is not built is a failure.
    run('scripts/build-go.sh', [out, './cmd/foresize-run'], { CI: 'true', GOOS: 'linux', GOARCH: arch })
  }
  return undefined
}

/** Packed as `helm package` does it, one folder, gzipped; the same bytes from the same tree. */
const chart: Part = ({ folder, version }) => {
  if (!has('kustomize')) return 'there is no kustomize'
  return inScratch((scratch) => {
    run(process.execPath, ['scripts/chart/main.ts', join(scratch, 'foresize')])
    const same = [
      '--sort=name',
      '--mtime=@0',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--mode=u=rwX,go=rX',
    ]
    const packed = join(scratch, 'chart.tar')
    run('tar', [...same, '-cf', packed, '-C', scratch, 'foresize'])
    run('gzip', ['--no-name', '-9', packed])
    // `helm push` takes the name from the chart; the release has other files that begin so.
    cpSync(`${packed}.gz`, join(folder, `foresize-chart-${version}.tgz`))
    return undefined
  })
}

/** For this machine's kind. What the registry's base image would bring, this machine brings: deploy/image/bare-root.sh. */
const image: Part = ({ folder, version }) => {
  if (!existsSync(runnerHere)) return 'there is no foresize-run: make runner'
  return inScratch((scratch) => {
    run('deploy/image/bare-root.sh', [join(scratch, 'root')])
    const file = join(folder, `foresize-image-${version}-linux-${goArch()}.tar`)
    run(process.execPath, ['scripts/release/oci-image.ts', join(scratch, 'root'), version, file])
    return undefined
  })
}

/** What the published packages and programs bring along, as CycloneDX and as the licences' names. */
const sbom: Part = ({ folder, version }) => {
  const npmFile = join(folder, `foresize-${version}.cdx.json`)
  const args = ['--omit', 'dev', '--output-reproducible', '--validate', '--output-file', npmFile]
  // What it brings for XML is compiled by a script, for minutes.
  run('npx', ['--yes', '@cyclonedx/cyclonedx-npm@6.0.1', ...args], { npm_config_ignore_scripts: 'true' })
  if (!has('go') || !existsSync(runnerHere)) return 'there is no foresize-run to look into: make runner'
  const goFile = join(folder, `foresize-run-${version}.cdx.json`)
  run('go', [
    ...[
      'run',
      'github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0',
      'bin',
      '-json',
      '-licenses',
      '-assert-licenses',
    ],
    ...['-version', `v${version}`, '-output', goFile, runnerHere],
  ])
  run(process.execPath, ['scripts/release/licences.ts', join(folder, 'LICENCES.txt'), npmFile, goFile])
  return undefined
}

function sourcesOf(tree: string, path: string, scratch: string): string {
  const archive = join(scratch, 'source.tar')
  run('git', ['archive', '--format=tar', '--prefix=source/', '--output', archive, `${tree}:${path}`])
  run('tar', ['-xf', archive, '-C', scratch])
  const [from, to] = [join(scratch, 'source'), join(scratch, 'sources')]
  renameSync(from, to)
  return to
}

export const parts: Readonly<Record<string, Part>> = { npm, python, go, protos, runner, image, chart, sbom }
