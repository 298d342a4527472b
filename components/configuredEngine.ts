import * as pulumi from "@pulumi/pulumi";
import { configuredConnection, type DockerConfig } from "../settings/engineSources.ts";
import type { Engine } from "./engine.ts";
import { refusal } from "./refusal.ts";

const MATERIAL = ["caMaterial", "certMaterial", "keyMaterial"] as const;

/**
 * The engine of a program that names none, where the default provider makes its resources: the one of `docker:host`
 * and its like in the stack's config, or else of DOCKER_HOST or DOCKER_CONTEXT. Nothing else looks there.
 */
export function configuredEngine(env: NodeJS.ProcessEnv = process.env): Engine {
  const config = new pulumi.Config("docker");
  const open = {
    host: config.get("host"),
    context: config.get("context"),
    certPath: config.get("certPath"),
    sshOpts: config.getObject<string[]>("sshOpts"),
  };
  const [caMaterial, certMaterial, keyMaterial] = MATERIAL.map((key) => config.getSecret(key));
  const connect = (material: DockerConfig) => {
    try {
      return configuredConnection({ ...open, ...material }, env);
    } catch (error) {
      throw error instanceof RangeError ? refusal(error.message) : error;
    }
  };
  const has = [caMaterial, certMaterial, keyMaterial].some((text) => text !== undefined);
  return {
    connection: has
      ? pulumi.output({ caMaterial, certMaterial, keyMaterial }).apply(connect)
      : connect({}),
  };
}
