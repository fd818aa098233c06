import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

/** The contract and standard health, from the descriptors that buf made of proto/. */
export function contractRegistry(): FileRegistry {
  const path = fileURLToPath(new URL('./contract.binpb', import.meta.url))
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)))
}
