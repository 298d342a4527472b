/**
 * Prepares the volume in which a container of ours renews a server's certificate: gives it to that container's user,
 * and puts an interim certificate there where there is none to show (`needsInterim`). Nothing that an authority has
 * issued meanwhile is overwritten.
 */
import { z } from "zod";
import { servedConf, versionIn } from "../../render/acmePaths.ts";
import { interimVersion, needsInterim } from "../../render/interimCertificate.ts";
import { releaseEntries } from "../../render/release.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { tar } from "../docker/archive.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { requireOwnVolume, throwAway } from "../volumes/volumes.ts";
import { ownerInput } from "../owner.ts";

const input = z.object({
  dockerHost: engineInput,
  volume: z.string(),
  ...ownerInput,
  image: z.string(),
  /** The user that writes to it, and the group of the server that reads. */
  owner: z.string().regex(/^\d+:\d+$/),
  names: z.array(z.string()),
  certificate: z.string(),
  privateKey: z.string(),
});

/** $1 is the owner. A folder's group goes to what is made in it. Prints current.conf. */
const PREPARE = `
  chown "$1" /volume
  chmod 2750 /volume
  cat /volume/current.conf 2>/dev/null || true
`;

/** $1 is the version. */
const READ = `
  cat "/volume/$1/fullchain.pem" 2>/dev/null || true
  echo @
  cat "/volume/$1/privkey.pem" 2>/dev/null || true
`;

/** $1 is the version, $2 the owner, $3 the text for current.conf, $4 the one that was read; the archive is on stdin. */
const PUT = `
  umask 027
  rm -rf "/volume/$1.part"
  tar -xf - -C /volume
  if test "$(cat /volume/current.conf 2>/dev/null || true)" != "$4"; then
    rm -rf "/volume/$1.part"
    exit 0
  fi
  chown "$2" "/volume/$1.part"
  chmod 0750 "/volume/$1.part"
  rm -rf "/volume/$1"
  mv "/volume/$1.part" "/volume/$1"
  printf %s "$3" > /volume/.interim.conf
  chown "$2" /volume/.interim.conf
  chmod 0640 /volume/.interim.conf
  mv /volume/.interim.conf /volume/current.conf
  ln -sfn "$1" /volume/.interim
  chown -h "$2" /volume/.interim
  mv -T /volume/.interim /volume/current
  for folder in /volume/interim-*; do
    test "$folder" = "/volume/$1" || rm -rf "$folder"
  done
`;

await runProgram(input, 120, async ({ dockerHost, volume, image, owner, ...rest }) => {
  const docker = new Docker(dockerHost);
  await requireOwnVolume(docker, volume, rest);
  const { deployment, labels } = rest;
  const inVolume = (script: string, args: string[], archive?: Uint8Array) =>
    throwAway(docker, {
      ...{ image, deployment, labels, volume, script, args },
      // Without FSETID the volume's group would not be that of new files.
      capabilities: ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"],
      ...(archive && { input: archive }),
    });

  const interim = { certificate: rest.certificate, privateKey: rest.privateKey };
  const conf = await inVolume(PREPARE, [owner]);
  const shown = versionIn(conf);
  const [certificate = "", privateKey = ""] =
    shown === undefined ? [] : (await inVolume(READ, [shown])).split("@\n");
  const now = { conf, certificate, privateKey };
  if (!needsInterim(now, interim, { names: rest.names, time: new Date() })) {
    return;
  }
  const version = interimVersion(interim);
  const [uid = 0, gid = 0] = owner.split(":").map(Number);
  const files = {
    "fullchain.pem": { content: interim.certificate, mode: 0o440 },
    "privkey.pem": { content: interim.privateKey, mode: 0o440 },
  };
  const entries = releaseEntries(files, { uid, gid, prefix: `${version}.part` });
  // The shell leaves the last line end out of what it reads.
  const args = [version, owner, servedConf(version), conf.trimEnd()];
  await inVolume(PUT, args, await tar(entries));
});
