// The driver `mysql2` as it comes.
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import mysql from 'mysql2/promise'

const [, , host, password, authority] = process.argv
const settings = { host, user: 'trial', password, database: 'trial' }
const results = {}

const connection = await mysql.createConnection({ ...settings, infileStreamFactory: () => Readable.from(lines()) })
const rowsOf = async (...words) => (await connection.query(...words))[0]
function* lines() {
  for (let i = 0; i < 100_000; i++) yield Buffer.from(`${i}\tline ${i}\n`)
}
results.sum = (await rowsOf('SELECT ? + ? AS sum', [20, 22]))[0].sum
results.prepared = (await connection.execute('SELECT CAST(? AS SIGNED) AS value', [7]))[0][0].value
results.failure = await connection.query('SELECT * FROM nowhere').catch((error) => error.code)
await connection.query('CREATE TABLE item (id INT PRIMARY KEY, name TEXT, content LONGBLOB)')
const [loaded] = await connection.query(`LOAD DATA LOCAL INFILE 'lines' INTO TABLE item (id, name)`)
results.loaded = loaded.affectedRows
const rows = await rowsOf('SELECT * FROM item ORDER BY id')
results.rows = [rows.length, rows.at(-1).name]
let streamed = 0
for await (const row of connection.connection.query('SELECT id FROM item').stream()) streamed += row.id
results.streamed = streamed
const content = Buffer.alloc(20_000_000)
for (let i = 0; i < content.length; i += 4) content.writeInt32LE(Math.imul(i, 0x9e3779b1) | 0, i)
await connection.query('UPDATE item SET content = ? WHERE id = 0', [content])
results.content = content.equals((await rowsOf('SELECT content FROM item WHERE id = 0'))[0].content)
await connection.beginTransaction()
await connection.query('DELETE FROM item')
await connection.rollback()
results.rolledBack = (await rowsOf('SELECT COUNT(*) AS count FROM item'))[0].count

const pool = mysql.createPool({ ...settings, connectionLimit: 8 })
const ids = Array.from({ length: 200 }, async () => (await pool.query('SELECT CONNECTION_ID() AS id'))[0][0].id)
results.connections = new Set(await Promise.all(ids)).size
await pool.end()
const ssl = { ca: readFileSync(authority), rejectUnauthorized: true }
const secure = await mysql.createConnection({ ...settings, ssl })
results.secure = (await secure.query(`SHOW STATUS LIKE 'Ssl_version'`))[0][0].Value
results.secureRows = (await secure.query('SELECT id, name FROM item'))[0].length
await secure.end()
const compressed = await mysql.createConnection({ ...settings, compress: true })
results.compressed = (await compressed.query('SELECT id, name FROM item'))[0].length
await compressed.end()
results.denied = await mysql.createConnection({ ...settings, password: 'wrong' }).catch((error) => error.code)
await connection.end()
results.refused = await mysql.createConnection({ ...settings, port: 1 }).catch((error) => error.code)
console.log(JSON.stringify(results))
