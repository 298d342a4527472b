import type { Fault } from "./fault.ts";
import type { Path } from "./path.ts";

/** A mistake and where it is. */
export interface Finding {
  readonly path: Path;
  readonly fault: Fault;
}
