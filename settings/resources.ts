/** The limits of a container that a stack's config can set. */
import type { z } from "zod";
import type { KeyDoc } from "./keyDoc.ts";
import { processors, wholeNumber } from "./leaves.ts";

/** A limit as the schema documents and reads it. */
export interface ResourceKey extends KeyDoc {
  readonly leaf: z.ZodType<number>;
}

/** In MiB. There is no common minimum: nothing here would start with Docker's own, 6 MiB. */
const MOST_MEMORY = 1_048_576;
/** The most that the policy pack accepts by default. */
const MOST_PIDS = 4096;

const number = (
  least: number,
  most: number,
  doc: Pick<KeyDoc, "type" | "meaning" | "fallback">,
): ResourceKey => ({ ...doc, allowed: `${least} to ${most}`, leaf: wholeNumber(least, most) });

/** The limits of every container. @param leastMemory In MiB. With less, it does not start. */
export const resourceKeys = (leastMemory: number, memory: string, cpus: string, pids: string) => ({
  memory: number(leastMemory, MOST_MEMORY, {
    type: "MiB",
    meaning: "The memory that the container may use. It gets no swap.",
    fallback: memory,
  }),
  cpus: {
    type: "processors",
    meaning: "The processors that it may use. Changing the number replaces the container.",
    allowed: "0.01 to as many as the engine has, in steps of 0.01",
    fallback: cpus,
    leaf: processors(),
  },
  pids: number(50, MOST_PIDS, {
    type: "whole number",
    meaning: "The processes and threads that it may have.",
    fallback: pids,
  }),
});

const ONE_PROCESSOR = "1";
const HALF = "half of the engine's, at least 1";

export const serviceResources = {
  kms: resourceKeys(256, "512", ONE_PROCESSOR, "1984"),
  backend: resourceKeys(
    256,
    "512 to 1216, depending on the engine's processors and memory",
    ONE_PROCESSOR,
    "1984",
  ),
};

export const databaseResources = resourceKeys(
  256,
  "1024; for the Backend's, a quarter of the engine's memory if that is more",
  HALF,
  "1568",
);

export const kapowResources = resourceKeys(32, "512", ONE_PROCESSOR, "1024");

export const collectorResources = resourceKeys(
  64,
  "512",
  ONE_PROCESSOR,
  "64 and one for each of its `enc_worker_threads`",
);

export const acmeResources = resourceKeys(64, "256", ONE_PROCESSOR, "100");

export const proxyResources = {
  ...resourceKeys(
    128,
    "512 with the default workers and requests",
    HALF,
    "200 or more, depending on the workers",
  ),
  bodies: number(32, 16_777_216, {
    type: "MiB",
    meaning:
      "The space on the engine's disk for request bodies in transit: 17 for each large one. When it is full, the next one is refused with 503.",
    fallback: "2048",
  }),
  workers: number(1, 256, {
    type: "whole number",
    meaning: "Nginx's worker processes.",
    fallback: "twice the processors, at least 4",
  }),
  connections: number(256, 1_048_576, {
    type: "whole number",
    meaning:
      "Connections of each worker: two for each request, one to the caller and one to the service.",
    fallback: "1024 or more, depending on the requests that the services have room for",
  }),
};

/** The numbers in the modules' own config.yaml. */
export const moduleKeys = {
  web_conn_listen: number(1, 65_535, {
    type: "whole number",
    meaning:
      "How many connections to a collector may wait to be accepted. With 0, the collector's own default, records are lost when shippers connect at the same time.",
    fallback: "128",
  }),
  enc_worker_threads: number(1, 1000, {
    type: "whole number",
    meaning: "How many records a collector encrypts and sends at the same time.",
    fallback: "10",
  }),
  max_post_retries: number(0, 1000, {
    type: "whole number",
    meaning:
      "How often a collector tries to send a record again, without a pause, before it drops it (`backend_server.max_post_retries`).",
    fallback: "5",
  }),
} satisfies Readonly<Record<string, ResourceKey>>;
