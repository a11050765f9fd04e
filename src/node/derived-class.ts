/**
 * A class of Node's with other methods or arguments, callable without `new` where Node's own is. For the engine `newTarget` has to be
 * the class itself or a real class: for each object that `Reflect.construct` makes for a plain function it begins a shape of its own,
 * and all code that such objects go through learns it anew, which took a client of HTTP three times as long for each request. (It
 * still does with what an application derives from such a class.)
 */

type Class = abstract new (...words: never[]) => object

/** Makes the object with these arguments for `Base`, or has `Base` set up the one that it was called for. */
export type Make<T extends Class> = (words: readonly unknown[]) => InstanceType<T>

/**
 * @param construct is called with what the class was called with, and returns what it has made with `make`
 * @param members of its prototype beside those of `Base`; null: it shares the prototype of `Base`
 * @returns the class, with the static members, the name and the instances of `Base`
 */
export function derivedClass<T extends Class>(
  Base: T,
  members: PropertyDescriptorMap | null,
  construct: (words: unknown[], make: Make<T>) => object,
): T {
  const target = members === null ? Base : (class extends (Base as unknown as new () => object) {} as unknown as T)
  const Derived = function (this: unknown, ...words: unknown[]) {
    // As it was done before there were classes: a function with our prototype calls its parent for `this`.
    if (new.target === undefined && hasInstance.call(Base, this)) {
      construct(words, (given) => {
        Reflect.apply(Base as unknown as () => void, this, given)
        return this as InstanceType<T>
      })
      return
    }
    const isOwn = new.target === undefined || (new.target as unknown) === Derived
    const newTarget = isOwn ? target : (new.target as never)
    return construct(words, (given) => Reflect.construct(Base as never, given, newTarget as never))
  } as unknown as T
  Object.setPrototypeOf(Derived, Base)
  const own = { configurable: true, writable: true, value: Derived }
  Object.defineProperty(Derived, 'prototype', { value: target.prototype })
  if (members !== null) Object.defineProperties(target.prototype, { constructor: own, ...members })
  // Node's own code makes some, which knows Base alone: what servers accept, the servers of `http`.
  const isInstance = function (this: unknown, value: unknown): boolean {
    return hasInstance.call(this === Derived ? Base : (this as T), value)
  }
  Object.defineProperties(Derived, {
    name: { value: Base.name },
    length: { value: Base.length },
    [Symbol.hasInstance]: { value: isInstance },
  })
  return Derived
}

const hasInstance = Function.prototype[Symbol.hasInstance]
