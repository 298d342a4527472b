import assert from "node:assert/strict";

/** What was made or handed out earlier in a test, by name. */
export class Kept<T> {
  readonly #all = new Map<string, T>();

  set(name: string, one: T): void {
    this.#all.set(name, one);
  }

  get(name: string): T {
    const found = this.#all.get(name);
    assert.ok(found, name);
    return found;
  }
}
