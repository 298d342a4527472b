import * as pulumi from "@pulumi/pulumi";
import {
  assumedEngine,
  type EngineSize,
  limitsOf,
  type LimitSettings,
  missingProcessors,
  type StackLimits,
} from "../settings/limits.ts";
import { configuredEngine } from "./configuredEngine.ts";
import type { Engine } from "./engine.ts";
import { Program } from "./program.ts";

/**
 * Asks the engine once, and again only when told to. The state remembers the answer, so the limits stay the
 * same. `npm run up` asks again when the engine's machine is another one.
 */
export function engineSize(
  name: string,
  engine: Engine = configuredEngine(),
): pulumi.Output<EngineSize> {
  const input = { dockerHost: engine.connection };
  const program = new Program(name, { program: "engine-size", input }, {});
  // Of a secret connection, it is no secret.
  return pulumi.unsecret(program.stdout).apply((text) => JSON.parse(text) as EngineSize);
}

/** The limits of a stack's containers on its engine. */
export function stackLimits(
  settings: LimitSettings,
  engine: pulumi.Input<EngineSize> = assumedEngine,
): pulumi.Output<StackLimits> {
  return pulumi.output(engine).apply((size) => {
    for (const sentence of missingProcessors(settings, size)) {
      void pulumi.log.warn(sentence);
    }
    return limitsOf(settings, size);
  });
}
