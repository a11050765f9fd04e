import dgram from 'node:dgram'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { inherits } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { boundModules } from '../stack/socket/bound-modules.ts'
import { derivedClass } from './derived-class.ts'

setFlagsFromString('--allow-natives-syntax')
const haveSameShape = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: object, b: object) => boolean
// Compiled when it is called first.
haveSameShape({}, {})
setFlagsFromString('--no-allow-natives-syntax')

const hello = { value: () => 'hello', configurable: true, writable: true }
const classes = [net.Socket, net.Server, http.Agent, http.ClientRequest] as unknown as (new (
  ...words: unknown[]
) => object)[]
const words: Record<string, unknown[]> = { ClientRequest: [{ createConnection: () => new net.Socket() }] }

describe.each(classes.map((Base) => [Base.name, Base] as const))('a class derived from %s', (name, Base) => {
  const given: unknown[][] = []
  const make = (members: PropertyDescriptorMap | null) =>
    derivedClass(Base, members, (of, make) => {
      given.push(of)
      return make(of)
    })
  const objectOf = (Class: new (...words: unknown[]) => object) => {
    const object = new Class(...(words[name] ?? []))
    if (object instanceof http.ClientRequest) object.on('error', () => {}).destroy()
    return object
  }

  test.each([null, { hello }])('makes objects of one shape, members: %j', (members) => {
    const Derived = make(members)
    const [first, second] = [objectOf(Derived), objectOf(Derived)]
    expect(haveSameShape(first, second)).toBe(true)
    expect(first).toBeInstanceOf(Base)
    expect(first).toBeInstanceOf(Derived)
    expect(given.at(-1)).toEqual(words[name] ?? [])
    expect('hello' in first).toBe(members !== null)
    expect(first.constructor).toBe(members === null ? Base : Derived)
  })

  test('is as its base: name, number of parameters, static members, callable without `new`, good for being derived from', () => {
    const Derived = make({ hello })
    expect([Derived.name, Derived.length]).toEqual([Base.name, Base.length])
    expect(Object.getPrototypeOf(Derived)).toBe(Base)
    const called = (Derived as unknown as (...words: unknown[]) => object)(...(words[name] ?? []))
    if (called instanceof http.ClientRequest) called.on('error', () => {}).destroy()
    expect(haveSameShape(called, objectOf(Derived))).toBe(true)
    class Own extends Derived {
      own = 1
    }
    const first = objectOf(Own)
    expect(first).toBeInstanceOf(Own)
    expect((first as unknown as { hello(): string }).hello()).toBe('hello')
  })
})

test('sockets of bound modules have one shape', async () => {
  const modules = { net, tls, http, https, http2, dgram } as never
  const { dgram: bound } = boundModules(modules, {} as never) as unknown as { dgram: typeof dgram }
  const make = () => new (bound.Socket as unknown as new (type: string) => dgram.Socket)('udp4')
  const sockets = [make(), make()]
  expect(haveSameShape(sockets[0], sockets[1])).toBe(true)
  for (const socket of sockets) await new Promise<void>((resolve) => socket.close(resolve))
})

test('functions derived from the classes of bound modules set up their own objects', async () => {
  const modules = { net, tls, http, https, http2, dgram } as never
  const bound = boundModules(modules, {} as never) as unknown as { net: typeof net; dgram: typeof dgram }
  function Own(this: net.Server) {
    Reflect.apply(bound.net.Server, this, [])
  }
  inherits(Own, bound.net.Server as never)
  const server = new (Own as unknown as new () => net.Server)()
  expect(server).toBeInstanceOf(Own)
  expect([server.listening, Object.hasOwn(server, 'listen')]).toEqual([false, true])
  function OwnSocket(this: dgram.Socket) {
    Reflect.apply(bound.dgram.Socket as never, this, ['udp4'])
  }
  inherits(OwnSocket, bound.dgram.Socket as never)
  const socket = new (OwnSocket as unknown as new () => dgram.Socket)()
  expect([socket instanceof OwnSocket, Object.hasOwn(socket, 'bind')]).toEqual([true, true])
  await new Promise<void>((resolve) => socket.close(resolve))
})
