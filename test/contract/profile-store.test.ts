import { storeSubjects } from '../support/stores.ts'
import { profileStoreContract } from './profile-store.ts'

for (const [name, subject] of Object.entries(storeSubjects)) profileStoreContract(name, subject)
