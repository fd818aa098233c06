// Packs a root folder as an image of one layer, in an OCI layout: oci-image.ts ROOT VERSION FILE
// The same root gives the same bytes. Source: OCI image specification 1.1, image-layout.md.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

const [root, version, file] = process.argv.slice(2)
if (root === undefined || version === undefined || file === undefined) {
  process.stderr.write('usage: node scripts/release/oci-image.ts ROOT VERSION FILE\n')
  process.exit(2)
}
const scratch = mkdtempSync(join(tmpdir(), 'foresize-oci-'))
const blobs = join(scratch, 'layout/blobs/sha256')
mkdirSync(blobs, { recursive: true })

const sameBytes = ['--sort=name', '--mtime=@0', '--numeric-owner', '--format=gnu']
const tar = (...args: readonly string[]) => execFileSync('tar', [...sameBytes, ...args])
/** As in deploy/image/Dockerfile. */
const user = 65532

/** All is root's, but for the folder of data. */
function layer(): Buffer {
  const path = join(scratch, 'layer.tar')
  tar('--owner=0', '--group=0', '-C', resolve(root ?? ''), '--exclude=./data', '-cf', path, '.')
  tar(`--owner=${user}`, `--group=${user}`, '-C', resolve(root ?? ''), '-rf', path, './data')
  return readFileSync(path)
}

const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

function blob(mediaType: string, bytes: Buffer) {
  const digest = digestOf(bytes)
  writeFileSync(join(blobs, digest), bytes)
  return {
    mediaType: `application/vnd.oci.image.${mediaType}`,
    digest: `sha256:${digest}`,
    size: bytes.length,
  }
}
const json = (value: unknown) => Buffer.from(JSON.stringify(value))

try {
  const platform = { architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch, os: 'linux' }
  const bytes = layer()
  const config = {
    ...platform,
    config: {
      User: `${user}:${user}`,
      Env: ['NODE_ENV=production', 'PATH=/nodejs/bin'],
      WorkingDir: '/app',
      Entrypoint: ['/nodejs/bin/node'],
      Cmd: ['cli/main.js', '--help'],
      Volumes: { '/data': {} },
      Labels: {
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digestOf(bytes)}`] },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: blob('config.v1+json', json(config)),
    layers: [blob('layer.v1.tar+gzip', gzipSync(bytes))],
  }
  const names = {
    'org.opencontainers.image.ref.name': version,
    'io.containerd.image.name': `docker.io/library/foresize:${version}`,
  }
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...blob('manifest.v1+json', json(manifest)), platform, annotations: names }],
  }
  const layout = join(scratch, 'layout')
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(join(layout, 'index.json'), json(index))
  tar('--owner=0', '--group=0', '-C', layout, '-cf', resolve(file), 'oci-layout', 'index.json', 'blobs')
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
