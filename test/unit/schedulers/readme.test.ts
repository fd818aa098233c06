import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const pages = {
  snakemake: 'integrations/snakemake',
  airflow: 'integrations/airflow',
  'galaxy-tpv': 'integrations/galaxy-tpv',
  celery: 'examples/celery',
  dask: 'examples/dask',
  ray: 'examples/ray',
}

test.each(Object.entries(pages))('%s says with which version it was tried, and how', (name, folder) => {
  const page = readFileSync(join(root, folder, 'README.md'), 'utf8')
  const source = readFileSync(join(root, 'test/schedulers', `${name}.ts`), 'utf8')
  const version = /requirements: \['[^']*==([\d.]+)'/.exec(source)?.[1] ?? 'none'
  expect(page).toMatch(new RegExp(`Tried with [^.]* ${version.replaceAll('.', '\\.')}`))
  expect(page).toContain(`make test-schedulers SCHEDULERS=${name}`)
  expect(page.split('\n').length, 'one screen').toBeLessThan(70)
})

test.each(Object.values(pages))('%s points at nothing that is not there', (folder) => {
  const page = readFileSync(join(root, folder, 'README.md'), 'utf8')
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => link ?? '')
  for (const link of links) expect(existsSync(join(root, folder, link)), link).toBe(true)
})
