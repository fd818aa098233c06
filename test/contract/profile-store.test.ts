import { lmdbSubject, memorySubject } from '../support/stores.ts'
import { profileStoreContract } from './profile-store.ts'

profileStoreContract('memory', memorySubject)
profileStoreContract('lmdb', lmdbSubject)
