import { basename } from 'node:path'

const containers = ['run', 'exec', 'start', 'compose']

/** Programs that only ask a daemon to run something, by the words that ask for it; none where any does. */
const clients: Readonly<Record<string, readonly string[]>> = {
  docker: containers,
  nerdctl: containers,
  podman: containers,
  kubectl: ['run', 'exec', 'create', 'apply'],
  srun: [],
  sbatch: [],
  salloc: [],
  qsub: [],
  bsub: [],
  condor_submit: [],
  ssh: [],
  'systemd-run': [],
}

/** What the command is called where the work is a child of a daemon's and not its own. */
export function daemonClient(command: string, args: readonly string[]): string | undefined {
  const name = basename(command)
  const words = Object.hasOwn(clients, name) ? clients[name] : undefined
  if (words?.length === 0) return name
  const word = args.find((each) => words?.includes(each))
  return word === undefined ? undefined : `${name} ${word}`
}
