import { generateKeyPairSync } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import forge from 'node-forge'

const day = 86_400_000
let serial = 1

export interface Authority {
  readonly caFile: string
  /** Writes a certificate for this host, and for hosts of further names, and its key, in place of those of that name. */
  issue(name: string, validity?: Validity, hosts?: readonly string[]): Promise<Identity>
}

export interface Identity {
  readonly certFile: string
  readonly keyFile: string
}

interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

export const expired: Validity = {
  notBefore: new Date(Date.now() - 2 * day),
  notAfter: new Date(Date.now() - day),
}

const current: Validity = {
  notBefore: new Date(Date.now() - day),
  notAfter: new Date(Date.now() + day),
}

/** A certificate authority of its own, its files in `folder`. */
export async function certificateAuthority(folder: string, name: string): Promise<Authority> {
  await mkdir(folder, { recursive: true })
  const caKeys = newKeys()
  const root = certificate(name, current, caKeys.publicKey)
  root.setIssuer(root.subject.attributes)
  root.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
  ])
  root.sign(caKeys.privateKey, forge.md.sha256.create())
  const caFile = join(folder, `${name}.crt`)
  await replace(caFile, forge.pki.certificateToPem(root))

  return {
    caFile,
    async issue(subject, validity = current, hosts = []) {
      const keys = newKeys()
      const leaf = certificate(subject, validity, keys.publicKey)
      leaf.setIssuer(root.subject.attributes)
      leaf.setExtensions([
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
            ...hosts.map((host) => (isIP(host) ? { type: 7, ip: host } : { type: 2, value: host })),
          ],
        },
      ])
      leaf.sign(caKeys.privateKey, forge.md.sha256.create())
      const identity = { certFile: join(folder, `${subject}.crt`), keyFile: join(folder, `${subject}.key`) }
      await replace(identity.keyFile, keys.privatePem)
      await replace(identity.certFile, forge.pki.certificateToPem(leaf))
      return identity
    },
  }
}

function certificate(
  name: string,
  validity: Validity,
  publicKey: forge.pki.PublicKey,
): forge.pki.Certificate {
  const made = forge.pki.createCertificate()
  made.publicKey = publicKey
  made.serialNumber = `4a${(serial++).toString(16).padStart(8, '0')}`
  made.validity.notBefore = validity.notBefore
  made.validity.notAfter = validity.notAfter
  made.setSubject([{ name: 'commonName', value: name }])
  return made
}

/** OpenSSL makes the key: forge takes a second for one. */
function newKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    privatePem,
    publicKey: forge.pki.publicKeyFromPem(publicKey.export({ type: 'spki', format: 'pem' }).toString()),
    privateKey: forge.pki.privateKeyFromPem(privatePem),
  }
}

async function replace(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 })
  await rename(`${file}.new`, file)
}
