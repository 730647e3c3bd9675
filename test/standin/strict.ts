// Makes a stand-in honest: what it does not model throws by name, instead of being quietly undefined.

/** Names that JavaScript itself asks for: awaiting, printing and comparing a value is no use of an API. */
const LANGUAGE = new Set<string | symbol>(['then', 'toJSON', 'constructor', 'asymmetricMatch']);

export function strict<T extends object>(name: string, target: T): T {
  return new Proxy(target, {
    get(object, property) {
      if (typeof property !== 'symbol' && !(property in object) && !LANGUAGE.has(property)) {
        throw new Error(`electron stand-in: ${name}.${property} is not modelled`);
      }
      const value: unknown = Reflect.get(object, property, object);
      return typeof value === 'function' ? (value.bind(object) as unknown) : value;
    },
  });
}

/** An event a listener may prevent. */
export interface Preventable {
  defaultPrevented: boolean;
  preventDefault(): void;
}

export function preventable(): Preventable {
  return {
    defaultPrevented: false,
    preventDefault() {
      this.defaultPrevented = true;
    },
  };
}
