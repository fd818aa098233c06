import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface ImageConfig {
  readonly Entrypoint: readonly string[]
  readonly Env?: readonly string[]
  readonly User?: string
  readonly WorkingDir?: string
}

/** An image of one layer as `docker save` writes it, from a folder that holds all its files. Resolves with the archive. */
export async function writeImage(folder: string, name: string, root: string, config: ImageConfig) {
  const place = join(folder, `${name.replaceAll(/[/:]/g, '-')}`)
  await mkdir(place)
  await run('tar', ['-C', root, '-cf', join(place, 'layer.tar'), '.'])
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(join(place, 'layer.tar'))) hash.update(chunk)
  const described = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: [`sha256:${hash.digest('hex')}`] },
  }
  await writeFile(join(place, 'config.json'), JSON.stringify(described))
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]
  await writeFile(join(place, 'manifest.json'), JSON.stringify(manifest))
  const archive = `${place}.tar`
  await run('tar', ['-C', place, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar'])
  await rm(place, { recursive: true })
  return archive
}

/** A folder with programs at its top, and the libraries that they load. */
export async function rootOf(folder: string, programs: readonly string[]): Promise<string> {
  await mkdir(folder)
  for (const program of programs) {
    await cp(program, join(folder, program.split('/').at(-1) ?? ''), { dereference: true })
    const { stdout } = await run('ldd', [program]).catch(() => ({ stdout: '' }))
    for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) {
      await mkdir(dirname(join(folder, library)), { recursive: true })
      await cp(library, join(folder, library), { dereference: true })
    }
  }
  return folder
}
