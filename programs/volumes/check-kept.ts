/**
 * Checks, also in a preview, that the kept volumes are still the ones that the state recorded. Prints the
 * problems as JSON: `{refused, idle}`, each a list of sentences. Changes nothing.
 */
import { z } from "zod";
import { idleKeys } from "../../render/keptVolumes.ts";
import { Docker } from "../docker/docker.ts";
import { keeperInput, partInput, troublesOf, volumeRecord } from "./kept.ts";
import { runProgram } from "../program.ts";

const input = keeperInput.extend({
  volumes: z.array(partInput.extend({ record: volumeRecord })),
});

await runProgram(input, 60, async ({ volumes, ...keeper }) => {
  const troubles = await troublesOf(new Docker(keeper.dockerHost), volumes, keeper);
  process.stdout.write(
    JSON.stringify({
      // `keep-volume` has already done what the key permits.
      refused: troubles.map(({ text }) => text),
      idle: idleKeys(volumes, troubles, keeper),
    }),
  );
});
