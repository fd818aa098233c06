import { spawnSync } from 'node:child_process'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { CodeGeneratorResponseSchema } from '@bufbuild/protobuf/wkt'

/**
 * A plugin of protoc: what ts-proto generates, whose decoders refuse a message or a packed list that does not end where it
 * says, a field of number 0, and groups, which are not in the contract. As ts-proto has them they go on behind it: what
 * follows is taken for a part of it, or left out.
 */

const refuse = (condition: string, what: string, indent: string) =>
  `${indent}if (${condition}) {
${indent}  throw new globalThis.RangeError("${what}");
${indent}}
`

const refuseEnd = (end: string, indent: string) =>
  refuse(`reader.pos !== ${end}`, 'a part does not end where it says', indent)

const refuseTag = (_: string, indent: string) =>
  refuse('tag < 8 || (tag & 7) === 3 || (tag & 7) === 4', 'a field has the number 0, or is a group', indent)

function withEnds(code: string): string {
  const checked = code
    .replaceAll(
      /^( +)return message;\n +\} finally \{$/gm,
      (rest, indent) => `${refuseEnd('end', indent)}${rest}`,
    )
    .replaceAll(
      /^( +)while \(reader\.pos < (end\d+)\) \{\n.*\n\1\}\n/gm,
      (list, indent, end) => `${list}${refuseEnd(end, indent)}`,
    )
    .replaceAll(/^( +)if \(\(tag & 7\) === 4 \|\| tag === 0\) \{\n +break;\n +\}\n/gm, refuseTag)
  const count = (pattern: RegExp) => checked.match(pattern)?.length
  if (
    count(/while \(reader\.pos < end/g) !== count(/reader\.pos !== end/g) ||
    count(/const tag = reader/g) !== count(/tag < 8/g)
  )
    throw new Error('ts-proto generates other decoders than this knows')
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
