import { type CondorEvent, condorJobs, kibibyte, mebibyte, parseRusage } from './condor-job.ts'
import type { HistoryFormat } from './history.ts'
import { lines } from './lines.ts'
import { parseAmount } from './values.ts'

/**
 * The event log of HTCondor as XML (`log_xml = True` of a submit file): one ClassAd an event, from `<c>` to `</c>`.
 * Source: HTCondor, classads.dtd, and ULogEvent::toClassAd of condor_event.cpp.
 */
export const htcondorXml: HistoryFormat = {
  description: 'event log of HTCondor as XML',
  matches: (beginning) =>
    /^\uFEFF?\s*<(?:\?xml|!DOCTYPE|classads|c>)/.test(beginning) && attribute.test(beginning),
  read(sink) {
    const jobs = condorJobs(sink)
    let element: { readonly line: number; body: string } | undefined

    function finish(): void {
      if (element === undefined) return
      const event = eventOf(element.line, element.body)
      if (event === undefined) sink.fault(element.line, 'an event without its type, time or job')
      else jobs.take(event)
      element = undefined
    }

    return lines(
      (text, line) => {
        if (text.includes('<c>')) {
          if (element !== undefined) sink.fault(element.line, 'an event that does not end')
          element = { line, body: '' }
        }
        if (element === undefined) {
          if (text.trim() !== '' && !frame.test(text)) sink.fault(line, 'belongs to no event')
        } else if (element.body.length > maxBodyLength) {
          sink.fault(element.line, 'an event that does not end')
          element = undefined
        } else {
          element.body += `${text}\n`
          if (text.includes('</c>')) finish()
        }
      },
      () => {
        if (element !== undefined) sink.fault(element.line, 'an event that does not end')
        jobs.end()
      },
    )
  },
}

/** What may stand around events. */
const frame = /^\s*<(?:\?xml|!DOCTYPE|\/?classads)/

/** `<a n="Cluster"><i>7</i></a>`; a truth is `<b v="t"/>`. */
const attribute = /<a n="(\w+)">\s*<(?:[sire]>([^<]*)<|b v="([tf])")/
const attributes = new RegExp(attribute, 'g')

const maxBodyLength = 100_000

/** Undefined where it has no type, time or job. */
function eventOf(line: number, body: string): CondorEvent | undefined {
  const values = new Map<string, string>()
  for (const [, name = '', text, truth] of body.matchAll(attributes)) values.set(name, text ?? truth ?? '')
  const number = (name: string) => parseAmount(values.get(name) ?? '')
  const times = (name: string, unit: number) => {
    const value = number(name)
    return value === undefined ? undefined : value * unit
  }
  const [code, cluster] = [number('EventTypeNumber'), number('Cluster')]
  const stamp = values.get('EventTime')
  if (code === undefined || cluster === undefined || stamp === undefined) return undefined
  const jobPart = (name: string) => (values.get(name) ?? '0').padStart(3, '0')
  return {
    line,
    code,
    // As the text form writes both, so that the same run has the same id.
    job: [String(cluster).padStart(3, '0'), jobPart('Proc'), jobPart('Subproc')].join('.'),
    stamp: stamp.replace('T', ' ').replace(/Z$/, ''),
    node: () => /DAG Node: (.+)/.exec(decoded(values.get('LogNotes') ?? ''))?.[1]?.trim(),
    residentBytes: () => times('ResidentSetSize', kibibyte) ?? times('MemoryUsage', mebibyte) ?? 0,
    hasSucceeded: () => values.get('TerminatedNormally') === 't' && number('ReturnValue') === 0,
    holdCode: () => number('HoldReasonCode'),
    cpuSeconds: () => parseRusage(values.get('RunRemoteUsage') ?? ''),
    resources: () => ({
      usage: {
        cpuCores: number('CpusUsage'),
        memoryBytes: times('MemoryUsage', mebibyte),
        diskBytes: times('DiskUsage', kibibyte),
      },
      requested: {
        cpuCores: number('RequestCpus'),
        memoryBytes: times('RequestMemory', mebibyte),
        diskBytes: times('RequestDisk', kibibyte),
      },
      allocated: {
        cpuCores: number('Cpus'),
        memoryBytes: times('Memory', mebibyte),
        diskBytes: times('Disk', kibibyte),
      },
    }),
  }
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

const decoded = (text: string) => text.replace(/&(\w+);/g, (whole, name) => entities[name] ?? whole)
