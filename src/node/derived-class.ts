/**
 * A class of Node's with other methods or arguments, callable without `new` where Node's own is. For the engine `newTarget` has to be
 * the class itself or a real class: for each object that `Reflect.construct` makes for a plain function it begins a shape of its own,
 * and all code that such objects go through learns it anew, which took a client of HTTP three times as long for each request. (It
 * still does with what an application derives from such a class.)
 */

type Class = abstract new (...words: never[]) => object

/**
 * @param construct is called with what `new` was called with, and makes the object with `Reflect.construct(Base, ..., newTarget)`
 * @param members of its prototype beside those of `Base`; null: it shares the prototype of `Base`
 * @returns the class, with the static members and the name of `Base`
 */
export function derivedClass<T extends Class>(
  Base: T,
  members: PropertyDescriptorMap | null,
  construct: (words: unknown[], newTarget: T) => object,
): T {
  const target = members === null ? Base : (class extends (Base as unknown as new () => object) {} as unknown as T)
  const Derived = function (...words: unknown[]) {
    return construct(
      words,
      new.target === undefined || (new.target as unknown) === Derived ? target : (new.target as never),
    )
  } as unknown as T
  Object.setPrototypeOf(Derived, Base)
  const own = { configurable: true, writable: true, value: Derived }
  Object.defineProperty(Derived, 'prototype', { value: target.prototype })
  if (members !== null) Object.defineProperties(target.prototype, { constructor: own, ...members })
  Object.defineProperties(Derived, { name: { value: Base.name }, length: { value: Base.length } })
  return Derived
}
