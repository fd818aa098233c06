// Loads the lines of a file into an SQLite database in memory, indexes them and aggregates.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'

const [path = ''] = process.argv.slice(2)
const database = new DatabaseSync(':memory:')
database.exec('create table rows (id text, key text, amount real); begin')
const insert = database.prepare('insert into rows values (?, ?, ?)')
for await (const line of createInterface({ input: createReadStream(path) })) {
  const [id = '', key = '', amount = '0'] = line.split(',')
  insert.run(id, key, Number(amount))
}
database.exec('commit; create index by_key on rows (key, amount)')
const { keys } = database.prepare('select count(distinct key) as keys from rows').get() as { keys: number }
database.close()
process.stdout.write(`${keys} keys\n`)
