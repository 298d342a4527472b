/** Checks the disks of volumes that are not on the engine's own: `disk.ts` looks at that one. */
import type { Session } from "../../stack/session.ts";
import { type Room, roomAt, roomOf } from "./disk.ts";
import type { Finding } from "./finding.ts";

const MIB = 1024 ** 2;

/** A database that has less may soon refuse records; of a small disk, a twentieth will do. */
const FEW_BYTES = 1024 ** 3;
const FEW_SHARE = 0.05;

export interface VolumeRoom {
  readonly volume: string;
  readonly room: Room;
}

/** What is asked of `docker container inspect`. */
interface Mounted {
  readonly Name: string;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
  }[];
}

/** @param engine The room on the disk where the engine keeps volumes that say nothing else. */
export function volumeFindings(
  volumes: readonly VolumeRoom[],
  engine: Room | undefined,
): Finding[] {
  return volumes
    .filter(({ room }) => engine === undefined || !isSame(room, engine))
    .flatMap(({ volume, room: { free, size } }): Finding[] => {
      const few = Math.min(FEW_BYTES, size * FEW_SHARE);
      if (free >= Math.max(2 * few, size * FEW_SHARE)) {
        return [];
      }
      const level = free < few ? "fault" : "note";
      const left = `only ${Math.floor((100 * free) / size)} % (${Math.floor(free / MIB)} MiB) are free on the disk of the volume ${volume}`;
      const remedy = `make that disk larger or free some space ${level === "fault" ? "now" : "before that"}`;
      return [
        {
          level,
          about: "disk",
          text: `${left}: what is full takes no more writes, so ${remedy}`,
        },
      ];
    });
}

/** Two looks at one disk, a moment apart; a container's own view of it has the same numbers. */
const isSame = (one: Room, other: Room) =>
  one.size === other.size && Math.abs(one.free - other.free) < 64 * MIB;

/** @param names Containers that exist. */
export async function lookAtVolumes(
  session: Pick<Session, "docker" | "engine" | "stack">,
  names: readonly string[],
): Promise<Finding[]> {
  const { docker } = session;
  if (names.length === 0) {
    return [];
  }
  const folder = (await docker.run(["info", "--format={{.DockerRootDir}}"])).trim();
  const mounted = JSON.parse(
    await docker.run(["container", "inspect", ...names]),
  ) as readonly Mounted[];
  const places = new Map(
    mounted.flatMap(({ Name, Mounts }) =>
      Mounts.filter(({ Type }) => Type === "volume").map((mount) => [
        mount.Name ?? mount.Destination,
        { container: Name.replace(/^\//, ""), ...mount },
      ]),
    ),
  );
  const rooms = await Promise.all(
    [...places].map(async ([volume, { container, Source, Destination }]) => ({
      volume,
      room: await roomAt(session, Source, { container, path: Destination }),
    })),
  );
  return volumeFindings(
    rooms.flatMap(({ volume, room }) => (room === undefined ? [] : [{ volume, room }])),
    await roomOf(session, folder),
  );
}
