import { spawnSync } from 'node:child_process'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { CodeGeneratorResponseSchema } from '@bufbuild/protobuf/wkt'

/**
 * A plugin of protoc: what ts-proto generates, whose decoders refuse a message or a packed list that does not end where it
 * says. As ts-proto has them they go on behind it: what follows is taken for a part of it, or left out.
 */

const endsAt = (end: string, indent: string) =>
  `${indent}if (reader.pos !== ${end}) {
${indent}  throw new globalThis.RangeError("a part does not end where it says");
${indent}}
`

function withEnds(code: string): string {
  const checked = code
    .replaceAll(
      /^( +)return message;\n +\} finally \{$/gm,
      (rest, indent) => `${endsAt('end', indent)}${rest}`,
    )
    .replaceAll(
      /^( +)while \(reader\.pos < (end\d+)\) \{\n.*\n\1\}\n/gm,
      (list, indent, end) => `${list}${endsAt(end, indent)}`,
    )
  const ends = checked.match(/reader\.pos !== end/g)?.length
  const loops = checked.match(/while \(reader\.pos < end/g)?.length
  if (ends !== loops) throw new Error('ts-proto generates other decoders than this knows')
  return checked
}

const { status, stdout } = spawnSync('protoc-gen-ts_proto', {
  stdio: ['inherit', 'pipe', 'inherit'],
  maxBuffer: Number.POSITIVE_INFINITY,
})
if (status !== 0) process.exit(1)
const response = fromBinary(CodeGeneratorResponseSchema, stdout)
for (const file of response.file) file.content = withEnds(file.content)
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response))
