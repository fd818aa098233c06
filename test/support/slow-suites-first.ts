import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The suites whose files take longest, which start first: a long file that starts last ends alone. */
const slowSuites = ['conformance', 'fault', 'e2e', 'integration', 'console', 'deploy']

const rankOf = ({ moduleId }: TestSpecification) => {
  const suite = /\/test\/([^/]+)\//.exec(moduleId)?.[1] ?? ''
  const at = slowSuites.indexOf(suite)
  return at < 0 ? slowSuites.length : at
}

/** Within a suite as vitest does: by what is known of earlier runs, else by size. A class, since vitest makes it. */
export class SlowSuitesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}
