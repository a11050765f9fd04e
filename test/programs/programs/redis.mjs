// The driver `ioredis` as it comes.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'

const [, , host, authority] = process.argv
const results = {}
const redis = new Redis({ host, retryStrategy: () => 100 })
await redis.set('greeting', 'hello')
results.get = await redis.get('greeting')
const pipeline = redis.pipeline()
for (let i = 0; i < 10_000; i++) pipeline.incrby('sum', i)
const answers = await pipeline.exec()
results.pipeline = [answers.length, answers.at(-1)[1]]
results.together = (await Promise.all(Array.from({ length: 10_000 }, () => redis.incr('count')))).at(-1)
results.transaction = await redis.multi().set('a', '1').incr('a').exec()
const large = Buffer.alloc(30_000_000)
for (let i = 0; i < large.length; i += 4) large.writeInt32LE(Math.imul(i, 0x9e3779b1) | 0, i)
await redis.set('large', large)
results.large = large.equals(await redis.getBuffer('large'))

const listener = redis.duplicate()
const heard = []
listener.on('message', (channel, message) => heard.push(`${channel} ${message}`))
await listener.subscribe('news', 'weather')
for (let i = 0; i < 1000; i++) redis.publish(i % 2 === 0 ? 'news' : 'weather', `number ${i}`)
while (heard.length < 1000) await once(listener, 'message')
results.heard = [heard.length, heard[0], heard[999]]
const waiter = redis.duplicate()
const popped = waiter.blpop('queue', 10)
await redis.rpush('queue', 'work')
results.popped = await popped
waiter.disconnect()

const secure = new Redis({ host, port: 6380, tls: { ca: readFileSync(authority), servername: 'service.test' } })
results.secure = await secure.get('greeting')
results.secureLarge = large.equals(await secure.getBuffer('large'))
await secure.quit()

// The server ends and comes back: both connections find it again, and so does the subscription. Meanwhile they are refused,
// which they tell as an 'error', for which `once` of node:events would reject.
const happens = (client, event) => new Promise((resolve) => client.once(event, resolve))
redis.on('error', () => {})
listener.on('error', () => {})
const lost = Promise.all([happens(redis, 'close'), happens(listener, 'close')])
console.log('restart')
await lost
const subscribed = happens(listener, 'ready')
results.queued = await redis.set('again', 'yes')
await subscribed
await listener.ping()
heard.length = 0
while (heard.length === 0) {
  const message = happens(listener, 'message')
  if ((await redis.publish('news', 'back')) > 0) await message
}
results.back = heard[0]
await Promise.all([redis.quit(), listener.quit()])
console.log(JSON.stringify(results))
