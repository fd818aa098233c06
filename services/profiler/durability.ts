import { Durability as WireDurability } from '../../shared/wire/gen/foresize/v1/profiler_service.ts'
import type { Durability } from './store.ts'

const numbers = {
  memory: WireDurability.DURABILITY_MEMORY,
  disk: WireDurability.DURABILITY_DISK,
  remote: WireDurability.DURABILITY_REMOTE,
} as const satisfies Record<Durability, WireDurability>

export const fromDurability = (durability: Durability): WireDurability => numbers[durability]
