/** Asks a stack's collectors, their gates and the services that they call. */
import type { z } from "zod";
import { collectorPart, dockerName } from "../../names/docker.ts";
import { nameIn } from "../../names/resources.ts";
import { COMMAND } from "../../names/types.ts";
import { accessSchema, accessTrouble } from "../../programs/collector/access.ts";
import { type Place, placeSchema, statusSchema } from "../../programs/collector/door.ts";
import { untar } from "../../programs/docker/archive.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { find, standInName } from "../../programs/replacement/door.ts";
import { type DoorStatus, STATUS_FILE } from "../../render/collectorDoor.ts";
import { KEY_FILES, keyFileFault } from "../../render/keyFiles.ts";
import { endpointText } from "../../settings/addresses.ts";
import type { CollectorSettings, Settings } from "../../settings/types.ts";
import type { Session } from "../../stack/session.ts";
import { type ExportedResource, stdinOf } from "../../stack/state.ts";
import { collectorFindings } from "./collectors.ts";
import type { Finding } from "./finding.ts";

/** The part of the input of `collector-handover` that is used here. */
const handover = placeSchema.extend({ access: accessSchema });

/** What a collector's calls go through. If one of them is ill, its fault says enough. */
const ON_THE_WAY = ["proxy", "kms", "kms-db", "backend", "backend-db"];

/**
 * @param resources With secrets in clear.
 * @param ill Containers whose fault is reported already.
 * @param told What was changed by hand: a door that was taken from its network is among it.
 */
export async function lookAtCollectors(
  { docker, stack }: Pick<Session, "docker" | "stack">,
  resources: readonly ExportedResource[],
  { collector }: Pick<Settings, "collector">,
  ill: readonly string[],
  told: readonly Finding[],
): Promise<Finding[]> {
  const isBlocked = ON_THE_WAY.some((role) => ill.includes(dockerName(stack, role)));
  const findings = await Promise.all(
    collector.map(async (settings) => {
      const part = collectorPart(settings.name);
      const program = resources.find(
        ({ type, urn }) => type === COMMAND && nameIn(urn) === `${part}-handover`,
      );
      const input = handover.safeParse(program && stdinOf(program));
      if (!input.success) {
        return []; // Not deployed yet: the last `up` did not finish, which is reported.
      }
      const isDoorTold = told.some(({ text }) => text.startsWith(`${part}-door: `));
      const silent = [...ill, ...(isDoorTold ? [input.data.door] : [])];
      return lookAt(docker, settings, input.data, silent, isBlocked);
    }),
  );
  return findings.flat();
}

async function lookAt(
  docker: Docker,
  settings: CollectorSettings,
  { access, ...place }: z.infer<typeof handover>,
  ill: readonly string[],
  isBlocked: boolean,
): Promise<Finding[]> {
  const { container, door, gate } = place;
  const own = ill.filter((name) => [container, door, gate].includes(name));
  const { status, oldest } = await statusOf(docker, gate);
  const doorInfo = await find(docker, door, place);
  // The gate is in the same network, with the same name for the proxy.
  const asked = own.includes(container) ? gate : container;
  return collectorFindings({
    ...{ container, door, gate, ill: own, drainSeconds: place.drainSeconds },
    bind: endpointText(settings.bind),
    isOpen: doorInfo !== undefined && place.ingest in doorInfo.NetworkSettings.Networks,
    hasStandIn: (await find(docker, standInName(place), place)) !== undefined,
    status,
    oldest,
    keys: await badKeys(docker, place),
    trouble:
      isBlocked || own.includes(gate) ? undefined : await accessTrouble(docker, asked, access),
  });
}

/** The engine's own clock tells how long the oldest record waits. */
async function statusOf(
  docker: Docker,
  gate: string,
): Promise<{ status: DoorStatus | undefined; oldest: number | undefined }> {
  const script = `date +%s && cat ${STATUS_FILE}`;
  const { code, stdout } = await docker.attempt(["exec", gate, "sh", "-c", script]);
  const [now = "", text = ""] = stdout.split("\n");
  const status = code === 0 ? statusSchema.safeParse(jsonIn(text)).data : undefined;
  const since = status?.since ?? undefined;
  return { status, oldest: since && Math.max(0, Number(now) - since) };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads them from outside, so that it works for a collector that does not start for them. */
async function badKeys(docker: Docker, { container }: Place): Promise<Map<string, string>> {
  const isThere = (await docker.inspect("container", container)) !== undefined;
  const archive = isThere ? await docker.copyOut(container, "/secrets") : undefined;
  const files = archive === undefined ? [] : await untar(archive);
  return new Map(
    KEY_FILES.flatMap((name) => {
      const content = files.find(({ path }) => path === `secrets/${name}`)?.content;
      const fault = content && keyFileFault(name, content);
      return fault === undefined ? [] : [[name, fault] as const];
    }),
  );
}
