import { createHash, randomBytes } from 'node:crypto'
import { type Role, roles } from '../shared/rpc/principal.ts'
import { type Command, required, text, texts, UsageError } from './command.ts'

export const token: Command = {
  summary: 'Makes a bearer token and the entry for the tokens file.',
  usage: 'token --name NAME --role ROLE --for NAMESPACE [options]',
  details: `
The token goes to standard error, once, for whoever shall have it; the entry, which holds only its hash, to standard output.

  foresize token --name ci --role worker --for team-a 2> token > entry.json
`,
  options: {
    name: { type: 'string', value: 'NAME', description: 'whose it is, for the log' },
    role: { type: 'string', value: 'ROLE', multiple: true, description: roles.join(', ') },
    for: { type: 'string', value: 'NAMESPACE', multiple: true, description: 'namespaces; "*" means all' },
    until: {
      type: 'string',
      value: 'DATE',
      description: 'when it expires, like 2027-01-31; never where unset',
    },
  },

  async run(input) {
    const given = texts(input, 'role')
    const unknown = given.find((role) => !(roles as readonly string[]).includes(role))
    if (given.length === 0 || unknown !== undefined) {
      throw new UsageError(`--role ${unknown ?? ''}: must be one of ${roles.join(', ')}`)
    }
    const namespaces = texts(input, 'for')
    if (namespaces.length === 0) throw new UsageError('--for is required')
    const until = text(input, 'until')
    const expires = until === undefined ? undefined : new Date(until)
    if (expires !== undefined && Number.isNaN(expires.getTime())) {
      throw new UsageError(`--until ${until}: must be a date like 2027-01-31`)
    }
    const secret = randomBytes(32).toString('base64url')
    const entry = {
      name: required(input, 'name'),
      sha256: createHash('sha256').update(secret).digest('hex'),
      roles: given as readonly Role[],
      namespaces,
      ...(expires === undefined ? {} : { expiresAt: expires.toISOString() }),
    }
    input.out(`${JSON.stringify(entry)}\n`)
    input.err(`${secret}\n`)
    return 0
  },
}
