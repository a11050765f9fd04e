// The driver `pg` as it comes.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import pg from 'pg'

const [, , host, password, authority] = process.argv
const settings = { host, user: 'trial', database: 'postgres', password }
const results = {}

const client = new pg.Client(settings)
await client.connect()
const one = async (text, values) => Object.values((await client.query(text, values)).rows[0])[0]
results.sum = await one('SELECT $1::int + $2::int', [20, 22])
results.types = (await client.query(`SELECT 1.5::float8 f, '{1,2}'::int[] a, '{"k":[1]}'::jsonb j, now() t`)).rows[0]
results.types.t = results.types.t instanceof Date
results.failure = await client.query('SELECT * FROM nowhere').catch((error) => error.code)
await client.query('CREATE TABLE item (id serial PRIMARY KEY, name text, content bytea)')
await client.query('BEGIN')
await client.query(`INSERT INTO item (name) SELECT 'item ' || i FROM generate_series(1, 200000) i`)
await client.query('ROLLBACK')
results.rolledBack = await one('SELECT count(*)::int FROM item')
await client.query(`INSERT INTO item (name) SELECT 'item ' || i FROM generate_series(1, 200000) i`)
const { rows } = await client.query('SELECT id, name FROM item ORDER BY id')
results.rows = [rows.length, rows.at(-1).name]
const content = Buffer.alloc(20_000_000)
for (let i = 0; i < content.length; i += 4) content.writeInt32LE(Math.imul(i, 0x9e3779b1) | 0, i)
await client.query('UPDATE item SET content = $1 WHERE id = $2', [content, rows[0].id])
results.content = content.equals(await one('SELECT content FROM item WHERE id = $1', [rows[0].id]))
for (let i = 0; i < 1000; i++) results.oneByOne = await one('SELECT $1::int', [i])

const listener = new pg.Client(settings)
await listener.connect()
await listener.query('LISTEN news')
const heard = []
listener.on('notification', ({ channel, payload }) => heard.push(`${channel} ${payload}`))
for (let i = 0; i < 3; i++) await client.query(`SELECT pg_notify('news', $1)`, [`number ${i}`])
while (heard.length < 3) await once(listener, 'notification')
results.heard = heard

const pool = new pg.Pool({ ...settings, max: 8 })
const backends = Array.from({ length: 200 }, async () => (await pool.query('SELECT pg_backend_pid() pid')).rows[0].pid)
results.backends = new Set(await Promise.all(backends)).size
const slow = await pool.connect()
const sleeping = slow.query('SELECT pg_sleep(30)').catch((error) => error.code)
const cancel = `SELECT count(pg_cancel_backend(pid))::int FROM pg_stat_activity
  WHERE pid = $1 AND state = 'active' AND query LIKE 'SELECT pg_sleep%'`
while ((await one(cancel, [slow.processID])) === 0);
results.canceled = await sleeping
slow.release()
await pool.end()

const secure = new pg.Client({ ...settings, ssl: { ca: readFileSync(authority), servername: 'service.test' } })
await secure.connect()
const { rows: state } = await secure.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
results.secure = state[0]
results.secureLarge = (await secure.query(`SELECT repeat('x', 10000000) x`)).rows[0].x.length
await secure.end()
const distrustful = new pg.Client({ ...settings, ssl: true })
results.untrusted = await distrustful.connect().catch((error) => error.code)

// A connection that the server ends.
let failure = null
listener.on('error', (error) => {
  failure ??= error.code
})
const gone = new Promise((resolve) => listener.on('end', resolve))
await client.query('SELECT pg_terminate_backend($1)', [listener.processID])
await gone
results.failed = failure
await client.end()
results.refused = await new pg.Client({ ...settings, port: 1 }).connect().catch((error) => error.code)
console.log(JSON.stringify(results))
