// A query to a PostgreSQL server: the package `pg`, as it is, over a connection of the stack.
//
//   npm install pg
//   tapstack run examples/postgres-client.ts --server 10.0.0.1 --user me --query 'SELECT * FROM pg_stat_ssl'
//
// The server is one that listens there (listen_addresses) and lets 10.0.0.2 in (pg_hba.conf). The password is better given as
// the environment's TAPSTACK_PASSWORD than on the command line, where others see it.
import pg from 'pg'
import { unikernel } from 'tapstack'

export default unikernel({
  name: 'postgres-client',
  description: 'asks a PostgreSQL server and prints what it answers',
  arguments: {
    server: { type: 'string', required: true, doc: 'name or address of the server' },
    port: { type: 'port', minimum: 1, default: 5432, doc: 'its port' },
    user: { type: 'string', default: 'postgres', doc: 'as whom' },
    password: { type: 'string', doc: 'with which password' },
    database: { type: 'string', default: 'postgres', doc: 'in which database' },
    tls: { type: 'boolean', doc: 'over TLS; the certificate is not checked' },
    query: { type: 'string', default: 'SELECT version()', doc: 'what to ask' },
  },
  async start({ stack, arguments: { server, port, user, password, database, tls, query }, log, signal }) {
    const client = new pg.Client({
      host: server,
      port,
      user,
      password,
      database,
      ssl: tls ? { rejectUnauthorized: false } : false,
      connectionTimeoutMillis: 10_000,
      // All that differs from a program on the operating system's sockets.
      stream: () => new stack.net.Socket(),
    })
    // While nothing is asked the server may still end the connection.
    client.on('error', (error) => log.error('the connection has ended', { reason: error.message }))
    try {
      await client.connect()
      signal.addEventListener('abort', () => client.end())
      const { rows, command, rowCount } = await client.query(query)
      for (const row of rows) console.log(JSON.stringify(row))
      log.info('answered', { command, rows: rowCount })
      return 0
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException
      log.error(message, { code })
      return 1
    } finally {
      await client.end()
    }
  },
})
