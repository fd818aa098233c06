export type ServiceName = 'profiler' | 'estimator'

/** Where `foresize up` listens, and where every client looks. */
export const defaultAddresses: Readonly<Record<ServiceName, string>> = {
  profiler: '127.0.0.1:7070',
  estimator: '127.0.0.1:7071',
}
