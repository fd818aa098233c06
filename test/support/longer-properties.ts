import fc, {
  type IAsyncProperty,
  type IProperty,
  type Parameters,
} from '../../node_modules/fast-check/lib/fast-check.js'

export * from '../../node_modules/fast-check/lib/fast-check.js'

const times = Number(process.env['FORESIZE_TEST_PROPERTY_TIMES'])

/** As fast-check's own, so many times as often: what fails once in a thousand fails here, and not for somebody else. */
function assert<Ts>(
  property: IProperty<Ts> | IAsyncProperty<Ts>,
  parameters: Parameters<Ts> = {},
): Promise<void> | void {
  return fc.assert(property, {
    ...parameters,
    numRuns: (parameters.numRuns ?? 100) * times,
    interruptAfterTimeLimit: 60_000,
    markInterruptAsFailure: false,
  })
}

// biome-ignore lint/style/noDefaultExport: it stands for a module that has one
export default { ...fc, assert }
