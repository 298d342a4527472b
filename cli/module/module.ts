import { lookup, Resolver } from "node:dns/promises";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { lastRuns, unfinishedRun } from "../doctor/unfinished.ts";
import { ensureImages } from "../../machine/images.ts";
import { asWritten, projectRoot } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";
import { npmRun } from "../../programs/npmRun.ts";
import { KEY_FILES, keyFileFault } from "../../render/keyFiles.ts";
import { isDemoImage } from "../../settings/images.ts";
import type { Settings } from "../../settings/types.ts";
import { leftBehind } from "../../stack/leftBehind.ts";
import { openSession } from "../../stack/openSession.ts";
import type { Session } from "../../stack/session.ts";
import { settingsOf } from "../../stack/settings.ts";
import { readState } from "../../stack/state.ts";
import { IMAGES, type Kind, KINDS } from "./dockerRun.ts";
import { type ModuleFile, writeModule } from "./folder.ts";
import {
  type ModuleOutputs,
  pickConfig,
  readModuleOutputs,
  requirePasswordDoors,
} from "./outputs.ts";
import { renderReadme } from "./readme.ts";
import { type Route, routeTo } from "./route.ts";
import { dockerShim, runScript } from "./scripts.ts";

export interface ModuleOptions {
  /** @default "collector" */
  readonly kind?: string;
  /** @default `modules/<stack>/<name>-<kind>` */
  readonly to?: string;
  /** @default CYBEX-P's own, or the demo image if the stack's KMS is one */
  readonly image?: string;
  readonly overwrite?: boolean;
  /** Looks at the keys in this folder and does nothing else. */
  readonly check?: string;
}

/** `npm run module -- NAME`: writes or refreshes the folder of a module that runs elsewhere. */
export async function module(name: string | undefined, options: ModuleOptions): Promise<void> {
  if (options.check !== undefined) {
    process.exitCode = checkKeys(asWritten(options.check)) ? 0 : 1;
    return;
  }
  if (name === undefined) {
    throw new UserError("name the user whose module it is, as in cybexp:users; or --check FOLDER");
  }
  const kind = kindOf(options.kind ?? "collector");
  const image = options.image === undefined ? undefined : imageOf(options.image);
  const session = await openSession({ images: false, looks: true });
  const { stack } = session;
  const outputs = await readModuleOutputs(session);
  await requireFinished(session);
  const settings = await settingsOf(stack).read(session);
  const config = pickConfig(name, {
    ...{ stack, outputs },
    listed: settings.users.map((user) => user.name),
  });
  requirePasswordDoors(stack, { kms: settings.kms.access, backend: settings.backend.access });

  const folder =
    options.to === undefined
      ? join(projectRoot, "modules", stack, `${name}-${kind}`)
      : asWritten(options.to);
  const input = {
    ...{ kind, stack, outputs, config, user: name },
    image: image ?? defaultImage(kind, settings),
    route: await findRoute(outputs, settings),
  };
  writeModule(folder, { stack, user: name, kind }, moduleFiles(input), options.overwrite ?? false);
  // A stack to try out has its modules, too: no registry does.
  await ensureImages(session.engine, [input.image]);
  process.stdout.write(summary(folder, input));
  if (existsSync(join(folder, "secrets")) && readdirSync(join(folder, "secrets")).length > 0) {
    checkKeys(folder);
  }
}

function kindOf(text: string): Kind {
  const kind = KINDS.find((known) => known === text);
  if (kind === undefined) {
    throw new UserError(`--kind is ${JSON.stringify(text)}, but must be ${KINDS.join(" or ")}`);
  }
  return kind;
}

/** It goes into a shell script. */
function imageOf(text: string): string {
  if (!/^[\w][\w.\-/:@]*$/.test(text)) {
    throw new UserError(`--image is ${JSON.stringify(text)}, which is not an image's name`);
  }
  return text;
}

function defaultImage(kind: Kind, { kms }: Settings): string {
  return isDemoImage(kms.image) ? `cybexp-demo/${kind}:1` : IMAGES[kind];
}

/**
 * Outputs keep their old values after an `up` that failed, so what they say may no longer be true.
 *
 * @throws UserError
 */
async function requireFinished(session: Session): Promise<void> {
  const { stack, rest } = session;
  const left = await leftBehind(session, await readState(session), rest);
  if ((left ?? unfinishedRun(stack, await lastRuns(session))) !== undefined) {
    throw new UserError(
      `the last run of ${stack} did not finish, so the passwords that it knows may be old ones: run \`${npmRun("up", stack)}\` first`,
    );
  }
}

/** How long the DNS may take to answer. */
const DNS_TIMEOUT_MS = 2000;

async function findRoute({ kmsUrl }: ModuleOutputs, { proxy }: Settings): Promise<Route> {
  const serverName = new URL(kmsUrl).hostname;
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 1 });
  const none = () => [];
  const [ipv4, ipv6, here] = await Promise.all([
    resolver.resolve4(serverName).catch(none),
    resolver.resolve6(serverName).catch(none),
    lookup(serverName, { all: true }).catch(none),
  ]);
  return routeTo({
    ...{ serverName, address: proxy.address, dns: [...ipv4, ...ipv6] },
    here: here.map(({ address }) => address),
  });
}

export interface FilesInput {
  readonly stack: string;
  readonly user: string;
  readonly kind: Kind;
  readonly image: string;
  readonly route: Route;
  readonly outputs: Pick<ModuleOutputs, "kmsUrl" | "backendUrl" | "serverCa">;
  /** The config.yaml. Secret. */
  readonly config: string;
}

/** All files of the folder, by name. */
export function moduleFiles(input: FilesInput): ReadonlyMap<string, ModuleFile> {
  const { outputs, config, user, kind } = input;
  // A container's name can't have an @ in it.
  const script = { ...input, name: `cybexp-${kind}-${user.replaceAll("@", "-")}` };
  const { basic_auth: auth } = parse(config) as { basic_auth: { pass: string } };
  const isPlain = /^[\w.-]+$/.test(auth.pass);
  const withLineEnd = (text: string) => (text.endsWith("\n") ? text : `${text}\n`);
  return new Map<string, ModuleFile>([
    ["config.yaml", { content: config }],
    ["ca.pem", { content: withLineEnd(outputs.serverCa) }],
    ["run.sh", { content: runScript(script), executable: true }],
    ["bin/docker", { content: dockerShim(script), executable: true }],
    ["README.txt", { content: renderReadme({ ...script, ...outputs, isPlain }) }],
  ]);
}

const shown = (path: string) => relative(process.cwd(), path) || ".";

function summary(folder: string, { kind, user, image, route }: FilesInput): string {
  const call = kind === "collector" ? "./run.sh --detach" : "./run.sh QUERY";
  return [
    `${shown(folder)} has all that a ${kind} needs to run as ${user}, with a password and a token in it.`,
    "",
    `  Run it      cd ${shown(folder)} && ${call}`,
    `  Image       ${image}`,
    "  More        README.txt",
    ...(route.kind === "host"
      ? ["", "note: the proxy listens on a loopback address: it runs on the Docker host alone"]
      : []),
    "",
  ].join("\n");
}

/** Larger than any key. */
const LONGEST_KEY = 1_048_576;

/** Says which key files are none; whether all are. */
function checkKeys(folder: string): boolean {
  const inside = join(folder, "secrets");
  const keys = existsSync(inside) ? inside : folder;
  const found = KEY_FILES.filter((name) => existsSync(join(keys, name)));
  if (found.length === 0) {
    throw new UserError(
      `${shown(keys)} has no keys in it: it must be a module's folder, or the folder secrets of collector.sh or query.sh`,
    );
  }
  const spoilt = found.flatMap((name) => {
    const path = join(keys, name);
    const fault =
      statSync(path).size > LONGEST_KEY ? "is too long" : keyFileFault(name, readFileSync(path));
    return fault === undefined ? [] : [{ path: shown(path), fault }];
  });
  process.stdout.write(
    spoilt.length === 0
      ? `${shown(keys)}: ${found.join(", ")} ${found.length === 1 ? "is a key" : "are keys"}\n`
      : [
          "",
          ...spoilt.map(({ path, fault }) => `${path} ${fault} and not a key`),
          "A server's answer was stored as a key, and would be read as one for ever. Delete it, and the module",
          `fetches the key again: rm ${spoilt.map(({ path }) => path).join(" ")}`,
          "",
        ].join("\n"),
  );
  return spoilt.length === 0;
}
