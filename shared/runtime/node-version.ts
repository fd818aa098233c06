/** What this code is written for; an older Node fails somewhere in the middle of a task. */
const [leastMajor, leastMinor] = [22, 12]

/** As npm writes it. */
export const leastNode = `>=${leastMajor}.${leastMinor}`

/** Throws where this Node is older: said once, where the program is set up. */
export function requireNode(version = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    throw new Error(`foresize needs Node ${leastMajor}.${leastMinor} or newer, this is ${version}`)
  }
}
