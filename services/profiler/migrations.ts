import { profileSchemaVersion } from '../../shared/domain/profile.ts'
import type { Profile } from '../../shared/wire/gen/foresize/v1/profile.ts'

/**
 * From the schema version of its key to the next one. A new version adds one line here and one fixture in
 * test/fixtures/, and neither ever changes again.
 */
const migrations: Readonly<Record<number, (profile: Profile) => Profile>> = {}

/** Throws: RangeError where a step is missing: a bug in this file. */
export function migrate(profile: Profile, schemaVersion: number): Profile {
  let migrated = profile
  for (let version = schemaVersion; version < profileSchemaVersion; version++) {
    const step = migrations[version]
    if (!step) throw new RangeError(`there is no migration from schema version ${version}`)
    migrated = { ...step(migrated), schemaVersion: version + 1 }
  }
  return migrated
}
