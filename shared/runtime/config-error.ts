/** A setting that is unknown, missing or out of range. Its message is for the operator and names the setting. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
