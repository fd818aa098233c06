import { afterAll } from 'vitest'
import { stopRedisServers, storeSubjects } from '../support/stores.ts'
import { profileStoreContract } from './profile-store.ts'

for (const [name, subject] of Object.entries(storeSubjects)) profileStoreContract(name, subject)
afterAll(stopRedisServers)
