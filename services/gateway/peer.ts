import { createContextKey } from '@connectrpc/connect'

/** The address of a call's caller, without its port. */
export const peerOf = createContextKey('unknown')
