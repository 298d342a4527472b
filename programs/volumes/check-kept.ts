/**
 * Looks whether the kept volumes are still those that the state remembers, in a preview as well, and
 * prints what is wrong as JSON: `{refused, idle}`, sentences each. Changes nothing.
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
      // What the key permits, `keep-volume` has done by now.
      refused: troubles.map(({ text }) => text),
      idle: idleKeys(volumes, troubles, keeper),
    }),
  );
});
