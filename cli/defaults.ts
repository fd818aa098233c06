export type ServiceName = 'profiler' | 'estimator'

/** What `foresize up` starts. */
export type ProcessName = ServiceName | 'gateway'

/** Where `foresize up` listens, and where every client looks. */
export const defaultAddresses: Readonly<Record<ProcessName, string>> = {
  profiler: '127.0.0.1:7070',
  estimator: '127.0.0.1:7071',
  gateway: '127.0.0.1:7080',
}
