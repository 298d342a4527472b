/** Listeners that would get in each other's way. */
import { isUnspecified } from "./addresses.ts";

/** A configured listener and the key that asks for it. */
export interface Listener {
  readonly path: readonly PropertyKey[];
  /** An IP address; undefined when it is not known, which counts as the same unknown address. */
  readonly address: string | undefined;
  readonly port: number;
}

/** Two listeners of which the later one can't start. */
export interface Clash {
  readonly first: Listener;
  readonly second: Listener;
}

/** Each listener that clashes with an earlier one: same port, and same address or one of them any. */
export function clashes(listeners: readonly Listener[]): Clash[] {
  return listeners.flatMap((second, index) => {
    const first = listeners.slice(0, index).find((earlier) => clash(earlier, second));
    return first === undefined ? [] : [{ first, second }];
  });
}

function clash(a: Listener, b: Listener): boolean {
  return (
    a.port === b.port &&
    (a.address === b.address || isUnspecified(a.address) || isUnspecified(b.address))
  );
}
