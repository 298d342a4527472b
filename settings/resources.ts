/** What may be set of a container's limits. */
import type { z } from "zod";
import type { KeyDoc } from "./keyDoc.ts";
import { processors, wholeNumber } from "./leaves.ts";

/** A limit as the schema documents and reads it. */
export interface ResourceKey extends KeyDoc {
  readonly leaf: z.ZodType<number>;
}

/** Docker's own least is 6 MiB: with so little nothing here starts. */
const MOST_MEMORY = 1_048_576;
/** What the policy pack lets pass without a word of its own. */
const MOST_PIDS = 4096;

const number = (
  least: number,
  most: number,
  doc: Pick<KeyDoc, "type" | "meaning" | "fallback">,
): ResourceKey => ({ ...doc, allowed: `${least} to ${most}`, leaf: wholeNumber(least, most) });

/** The limits of every container. @param leastMemory With less, in MiB, it does not start. */
export const resourceKeys = (leastMemory: number, memory: string, cpus: string, pids: string) => ({
  memory: number(leastMemory, MOST_MEMORY, {
    type: "MiB",
    meaning: "The memory that the container may take; it gets no swap beside it.",
    fallback: memory,
  }),
  cpus: {
    type: "processors",
    meaning: "The processors that it may use. Another number makes the container anew.",
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
    "512 to 1216, by the engine's processors and memory",
    ONE_PROCESSOR,
    "1984",
  ),
};

export const databaseResources = resourceKeys(
  256,
  "1024; the Backend's has a quarter of the engine's memory if that is more",
  HALF,
  "1568",
);

export const kapowResources = resourceKeys(32, "512", ONE_PROCESSOR, "1024");

export const acmeResources = resourceKeys(64, "256", ONE_PROCESSOR, "100");

export const proxyResources = {
  ...resourceKeys(
    128,
    "by workers and requests, 512 with the defaults",
    HALF,
    "200 or more, by workers",
  ),
  bodies: number(32, 16_777_216, {
    type: "MiB",
    meaning:
      "The room on the engine's disk for bodies on their way: 17 for each large one. The next is refused with 503.",
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
    fallback: "1024 or more, by the requests that the services have room for",
  }),
};

/** The numbers of the modules' own config.yaml. */
export const moduleKeys = {
  web_conn_listen: number(1, 65_535, {
    type: "whole number",
    meaning:
      "How many connections to a collector may wait to be accepted. With 0, the collector's own default, records of shippers that come at the same time are lost.",
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
      "How often a collector sends a record again, at once, before it loses it (`backend_server.max_post_retries`).",
    fallback: "5",
  }),
} satisfies Readonly<Record<string, ResourceKey>>;
