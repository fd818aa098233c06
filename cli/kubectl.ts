import { type Command, flag, text, UsageError } from './command.ts'
import { connectionOptions } from './connection-options.ts'
import { explain } from './kubernetes/explain.ts'
import { kubectl, kubectlOptions } from './kubernetes/kubectl.ts'
import { top } from './kubernetes/top.ts'

/** Beside it on the path, `kubectl-foresize` makes it the plugin `kubectl foresize`. */
export const kubectlPlugin: Command = {
  summary: 'Shows what tasks on Kubernetes waste, and why a Pod was given what it has.',
  usage: 'kubectl top | explain pod/NAME [options]',
  details: `
As a plugin it is "kubectl foresize": kubectl finds kubectl-foresize beside foresize on the path. It only reads. Objects of
Kubernetes it has from kubectl, by your kubeconfig; the profiler and the estimator are named as for every command.

  kubectl foresize top --all-namespaces
  kubectl foresize explain pod/sort-x7k2p --namespace tasks
`,
  positionals: true,
  options: {
    ...connectionOptions('profiler', 'estimator'),
    namespace: {
      type: 'string',
      short: 'n',
      value: 'NAME',
      description: "which namespace (default that of kubectl's context)",
    },
    'all-namespaces': {
      type: 'boolean',
      short: 'A',
      description: 'top: all that carry the label foresize.dev/mode',
    },
    limit: { type: 'string', value: 'N', description: 'top: at most so many tasks (default 20)' },
    ...kubectlOptions,
  },

  run(input) {
    const [action, name, ...more] = input.positionals
    if (more.length > 0) throw new UsageError(`one, please: "${more[0]}" is too many`)
    const isOfAll = flag(input, 'all-namespaces')
    if (isOfAll && text(input, 'namespace') !== undefined)
      throw new UsageError('--namespace and --all-namespaces: one of the two')
    const api = kubectl(input)
    if (action === 'explain') {
      if (isOfAll) throw new UsageError('a Pod is in one namespace: --namespace names it')
      return explain(input, api, name)
    }
    if (action !== 'top')
      throw new UsageError(
        `there is ${action === undefined ? 'nothing' : `no "${action}"`} to show: top or explain pod/NAME`,
      )
    if (name !== undefined) throw new UsageError(`top takes no name: "${name}"`)
    return top(input, api)
  },
}
