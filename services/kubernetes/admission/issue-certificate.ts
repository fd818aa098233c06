import { generateKeyPair, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import forge from 'node-forge'

export interface IssuedCertificate {
  /** PEM, all of them. */
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

interface KeyPair {
  readonly publicKey: forge.pki.rsa.PublicKey
  readonly privateKey: forge.pki.rsa.PrivateKey
  readonly pem: string
}

/** Clocks differ: a certificate counts from so long before it was made. */
const clockSkewMs = 300_000

/**
 * A certificate for a server of these names, of a CA that signs nothing else: its key is forgotten before this returns, so
 * whoever reads what is stored can make no other.
 */
export async function issueCertificate(
  names: readonly string[],
  validityMs: number,
  nowMs: number,
): Promise<IssuedCertificate> {
  const [caKeys, keys] = await Promise.all([newKeys(), newKeys()])
  const validity = { notBefore: new Date(nowMs - clockSkewMs), notAfter: new Date(nowMs + validityMs) }
  const serial = randomBytes(8).toString('hex')
  const ca = unsigned(`foresize-admission-ca ${serial}`, caKeys, validity)
  ca.setIssuer(ca.subject.attributes)
  ca.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ])
  ca.sign(caKeys.privateKey, forge.md.sha256.create())

  const leaf = unsigned(names[0] ?? '', keys, validity)
  leaf.setIssuer(ca.subject.attributes)
  leaf.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) },
  ])
  leaf.sign(caKeys.privateKey, forge.md.sha256.create())
  return { ca: forge.pki.certificateToPem(ca), certificate: forge.pki.certificateToPem(leaf), key: keys.pem }
}

function unsigned(
  name: string,
  { publicKey }: KeyPair,
  { notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date },
): forge.pki.Certificate {
  const made = forge.pki.createCertificate()
  made.publicKey = publicKey
  // Positive, as a serial number must be.
  made.serialNumber = `4a${randomBytes(15).toString('hex')}`
  made.validity.notBefore = notBefore
  made.validity.notAfter = notAfter
  made.setSubject([{ name: 'commonName', value: name.slice(0, 64) }])
  return made
}

/** Node makes the key: forge takes a second for one, and holds the event loop meanwhile. */
async function newKeys(): Promise<KeyPair> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    pem,
    publicKey: forge.pki.publicKeyFromPem(publicKey.export({ type: 'spki', format: 'pem' }).toString()),
    privateKey: forge.pki.privateKeyFromPem(pem),
  }
}
