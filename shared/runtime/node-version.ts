/** What this code is written for; an older Node fails somewhere in the middle of a task. */
const leastMajor = 24

/** Throws where this Node is older: said once, where the program is set up. */
export function requireNode(version = process.versions.node): void {
  if (Number(version.split('.')[0]) < leastMajor)
    throw new Error(`foresize needs Node ${leastMajor} or newer, this is ${version}`)
}
