import type { Command } from './command.ts'

interface NamedCommand {
  readonly summary: string
  /** Only when it is named: `foresize run` must start its command at once. */
  load(): Promise<Command>
}

/** Every command. Help, completion and manual pages are written from here and from each command's options. */
export const commands: Readonly<Record<string, NamedCommand>> = {
  up: {
    summary: 'start the profiler, the estimator and the gateway',
    load: async () => (await import('./up.ts')).up,
  },
  run: { summary: 'run a command and report what it used', load: async () => (await import('./run.ts')).run },
  'report-end': {
    summary: 'tell how a run ended that could not itself',
    load: async () => (await import('./report-end.ts')).reportEnd,
  },
  estimate: {
    summary: 'what the next run of a task needs',
    load: async () => (await import('./estimate.ts')).estimate,
  },
  confidence: {
    summary: 'whether given resources suffice',
    load: async () => (await import('./confidence.ts')).confidence,
  },
  profiles: {
    summary: 'what was learned of each task',
    load: async () => (await import('./profiles.ts')).profiles,
  },
  'import-history': {
    summary: 'learn from what other systems have logged',
    load: async () => (await import('./import-history.ts')).importHistory,
  },
  accuracy: {
    summary: 'how well the estimates of a task did',
    load: async () => (await import('./accuracy.ts')).accuracy,
  },
  doctor: {
    summary: 'check a deployment and say what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  kubectl: {
    summary: 'waste of tasks on Kubernetes, and why a Pod has what it has',
    load: async () => (await import('./kubectl.ts')).kubectlPlugin,
  },
  token: {
    summary: 'make a bearer token',
    load: async () => (await import('./token.ts')).token,
  },
  evaluate: {
    summary: 'what foresize would have saved on your own history',
    load: async () => (await import('./evaluate/evaluate.ts')).evaluate,
  },
  simulate: {
    summary: 'what foresize would change on a cluster that runs your history',
    load: async () => (await import('./simulate/simulate.ts')).simulate,
  },
  demo: { summary: 'watch it learn real programs', load: async () => (await import('./demo/demo.ts')).demo },
  completion: {
    summary: 'let the shell complete commands and options',
    load: async () => (await import('./completion.ts')).completionOf(loadAll),
  },
}

/** Throws nothing: undefined where there is no such command. */
export function commandNamed(name: string): NamedCommand | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined
}

export async function loadAll(): Promise<ReadonlyMap<string, Command>> {
  const loaded = Object.entries(commands).map(async ([name, { load }]) => [name, await load()] as const)
  return new Map(await Promise.all(loaded))
}
