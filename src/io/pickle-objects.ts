/** @file What an unpickled file is made of: plain data, and stand-ins for what Python would make objects of. */

/** Anything that is not plain data: what a caller's global or persistent id stands for. */
export abstract class PickleObject {
  abstract readonly kind: string;
}

/** A name that a pickle imports, and what calling it gives. Without `call` it is only data (a type, for example). */
export class PickleGlobal extends PickleObject {
  readonly kind = 'global';
  readonly name: string;
  readonly call: ((args: PickleValue[]) => PickleValue) | undefined;

  constructor(name: string, call?: (args: PickleValue[]) => PickleValue) {
    super();
    this.name = name;
    this.call = call;
  }
}

/** An object of a class that means nothing here: all that the pickle says of it, and nothing of the class is run. */
export class PickledInstance extends PickleObject {
  readonly kind = 'instance';
  readonly className: string;
  /** What its class is called with. */
  readonly args: readonly PickleValue[];
  /** Of a subclass of dict. */
  readonly items: PickleDict = new Map();
  /** Of a subclass of list. */
  readonly list: PickleValue[] = [];
  /** Its attributes, mostly. */
  state: PickleValue = null;

  constructor(className: string, args: readonly PickleValue[] = []) {
    super();
    this.className = className;
    this.args = args;
  }
}

export type PickleDict = Map<PickleValue, PickleValue>;

/** Lists, tuples and sets are arrays; dicts are maps. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleDict
  | PickleObject;
