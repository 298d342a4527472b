/**
 * Makes sure that a kept volume exists and has a mark, and prints the record for the state. It runs once,
 * and again while `cybexp:lost` has the volume. It compares with its earlier output, and replaces a lost
 * volume only if that key names its mark.
 */
import { z } from "zod";
import { labelTemplate, type Owner, ownLabel, ownLabels, TASK } from "../../names/docker.ts";
import { type KeptVolume, troubleWith } from "../../render/keptVolumes.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { keeperInput, partInput, volumeRecord } from "./kept.ts";
import { engineName, findVolume, markVolume } from "./keptVolume.ts";
import { runProgram } from "../program.ts";

const input = keeperInput.extend({
  ...partInput.shape,
  /** Whether kept volumes are created before everything else, so that anything else shows that they existed. */
  first: z.boolean(),
  /** The roles of the stack's kept volumes. */
  roles: z.array(z.string()),
});

await runProgram(input, 60, async ({ dockerHost, part, volume, keys, first, roles, ...keeper }) => {
  const docker = new Docker(dockerHost);
  const { deployment, labels, stack } = keeper;
  const owner = { deployment, labels };
  // The command provider puts the command's last output there.
  const last = process.env["PULUMI_COMMAND_STDOUT"];
  const kept: KeptVolume = {
    part,
    volume,
    record: last ? volumeRecord.parse(JSON.parse(last)) : undefined,
  };
  const engine = await engineName(docker, dockerHost);
  const found = await findVolume(docker, volume, { ...owner, keys });
  const isNew =
    kept.record === undefined &&
    found === undefined &&
    !(first && (await hasMore(docker, owner, roles)));
  const trouble = isNew ? undefined : troubleWith(kept, found, { ...keeper, engine });
  if (trouble && !trouble.permitted) {
    throw new UserError(trouble.text);
  }
  if (trouble) {
    process.stderr.write(`${trouble.text}\n`);
  }
  if (found === undefined) {
    const own = Object.entries(ownLabels({ ...owner, role: part, stack }));
    await docker.run([
      ...["volume", "create", ...own.map(([name, value]) => `--label=${name}=${value}`)],
      volume,
    ]);
  }
  // A volume that the key gave up gets a new mark, so a key that is left in the config permits nothing more.
  const renewed = trouble !== undefined && found?.mark === kept.record?.mark;
  const mark =
    found?.mark === undefined || renewed ? await markVolume(docker, volume, owner) : found.mark;
  process.stdout.write(JSON.stringify({ volume, mark, engine }));
});

/** Whether the engine has anything of the deployment but its kept volumes and throw-away containers. */
async function hasMore(
  docker: Docker,
  deployment: Owner,
  roles: readonly string[],
): Promise<boolean> {
  const format = labelTemplate("role", deployment.labels);
  const filter = `--filter=label=${ownLabel(deployment)}`;
  const lists = await Promise.all([
    docker.run(["container", "ls", "--all", filter, "--format", format]),
    docker.run(["network", "ls", filter, "--format", format]),
    docker.run(["volume", "ls", filter, "--format", format]),
  ]);
  return lists
    .flatMap((list) => list.split("\n").filter(Boolean))
    .some((role) => role !== TASK && !roles.includes(role));
}
