import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** No SDK, no generated code: the .proto files and any gRPC library. Needs the services: `foresize up`. */
const files = ['foresize/v1/profiler_service.proto', 'foresize/v1/estimator_service.proto']
const { foresize } = grpc.loadPackageDefinition(
  loadSync(files, { includeDirs: ['proto'], keepCase: true, enums: String, longs: Number }),
) as any
const plain = grpc.credentials.createInsecure()
const profiler = new foresize.v1.ProfilerService(process.env['FORESIZE_PROFILER'] ?? '127.0.0.1:7070', plain)
const estimator = new foresize.v1.EstimatorService(
  process.env['FORESIZE_ESTIMATOR'] ?? '127.0.0.1:7071',
  plain,
)

const task = { task: 'example/render' }
const executions = [300, 310, 305, 320].map((megabytes, i) => ({
  execution_id: `render-${i}`,
  task,
  used: { memory_bytes: megabytes * 1e6, duration_ms: 1200 },
  outcome: 'OUTCOME_SUCCEEDED',
}))
profiler.UpdateProfile({ executions }, (error: unknown, answer: unknown) => {
  console.log(error ?? answer)
  estimator.Estimate({ query: { task } }, (error: unknown, answer: any) => {
    console.log(error ?? answer.estimate.resources, answer?.estimate.reason)
  })
})
