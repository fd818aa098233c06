import type { DescMethod, MessageInitShape } from '@bufbuild/protobuf'
import { type BytesValue, BytesValueSchema } from '@bufbuild/protobuf/wkt'
import type { HandlerContext, MethodImpl } from '@connectrpc/connect'

/*
 * Connect reads and writes each message in one turn of the event loop, however large it is. So it carries bytes alone, in the
 * one field of a BytesValue: they are read and written where they come in and go out, translation.ts.
 */

type Carried = MessageInitShape<typeof BytesValueSchema>

/** What is done with the bytes of a method's messages. */
export type BytesHandler =
  | { readonly unary: (request: Uint8Array, context: HandlerContext) => Promise<Uint8Array> }
  | { readonly serverStream: (request: Uint8Array, context: HandlerContext) => AsyncIterable<Uint8Array> }
  | {
      readonly clientStream: (
        requests: AsyncIterable<Uint8Array>,
        context: HandlerContext,
      ) => Promise<Uint8Array>
    }

/** The method as the Connect router has it. */
export const carrying = (method: DescMethod): DescMethod =>
  ({ ...method, input: BytesValueSchema, output: BytesValueSchema }) as DescMethod

export function implementationOf(handler: BytesHandler): MethodImpl<DescMethod> {
  const of = (): unknown => {
    if ('unary' in handler)
      return async ({ value }: BytesValue, context: HandlerContext): Promise<Carried> => ({
        value: await handler.unary(value, context),
      })
    if ('clientStream' in handler)
      return async (requests: AsyncIterable<BytesValue>, context: HandlerContext): Promise<Carried> => ({
        value: await handler.clientStream(valuesOf(requests), context),
      })
    return async function* ({ value }: BytesValue, context: HandlerContext): AsyncIterable<Carried> {
      for await (const answer of handler.serverStream(value, context)) yield { value: answer }
    }
  }
  return of() as MethodImpl<DescMethod>
}

async function* valuesOf(messages: AsyncIterable<BytesValue>): AsyncIterable<Uint8Array> {
  for await (const { value } of messages) yield value
}
