export { ranOutOf } from './evidence.ts'
