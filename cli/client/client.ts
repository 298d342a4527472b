import { readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { Fault } from "../../settings/fault.ts";
import { DOORS, type DoorName } from "../../settings/listeners.ts";
import { parseUserName } from "../../settings/names.ts";
import { inFile, valueAt } from "../../settings/path.ts";
import { schemaAt, unwrap } from "../../settings/tree.ts";
import { type Bundle, makeBundle } from "./bundle.ts";
import { writeFolder } from "./folder.ts";
import { type Asked, type Outputs, pickClient, readOutputs, run } from "./outputs.ts";
import type { Door } from "./readme.ts";
import { renderEntry, withEntry } from "./stackEntry.ts";
import { readRequest } from "./certificateRequest.ts";
import { UserError } from "../../programs/errors.ts";
import { replaceFile } from "../../machine/files.ts";
import { asWritten, projectRoot } from "../../machine/paths.ts";
import { lockStack } from "../../stack/runLock.ts";
import { openSession } from "../../stack/openSession.ts";
import { stackFile, stackName } from "../../stack/configFile.ts";
import { readableConfig } from "../../stack/settings.ts";

export interface ClientOptions {
  /** The file of a certificate request that was created elsewhere. */
  readonly csr?: string;
  /** Puts the request into the stack's file instead of printing the entry. */
  readonly write?: boolean;
}

/** `npm run client -- NAME`: writes the files for the client's owner. `--csr FILE` enters a request. */
export async function client(name: string, options: ClientOptions): Promise<void> {
  if (options.csr !== undefined) {
    await enterRequest(name, options.csr, options.write ?? false);
  } else if (options.write) {
    throw new UserError(
      "--write needs --csr FILE: it puts that certificate request into the stack's file",
    );
  } else {
    await writeBundle(name, await openSession({ images: false }));
  }
}

/**
 * Writes the client's files into the folder `clients` below the root, and prints the folder and the
 * password.
 *
 * @param root @default the project's folder
 */
export async function writeBundle(name: string, session: Asked, root = projectRoot): Promise<void> {
  const { stack } = session;
  const { outputs, state } = await readOutputs(session);
  const config = await readableConfig(stack, session);
  const found = pickClient(name, { stack, outputs, state, config });
  const doors = doorsOf(outputs, config);
  const { serverCa } = outputs;
  const bundle = makeBundle({ stack, name, ...found, serverCa, doors });
  const folder = join(root, "clients", stack, name);
  writeFolder(folder, bundle.files);
  process.stdout.write(summary({ stack, name, folder, doors }, bundle));
}

/** The doors by the stack's outputs, and what they ask for by its config. */
function doorsOf(outputs: Outputs, config: Readonly<Record<string, unknown>>): Door[] {
  const ways: Readonly<Record<DoorName, readonly [title: string, url: string | undefined]>> = {
    kms: ["KMS    ", outputs.kmsUrl],
    backend: ["Backend", outputs.backendUrl],
    kapow: ["Kapow! ", outputs.kapowUrl],
  };
  return DOORS.flatMap(({ name, access: path }) => {
    const [title, url] = ways[name];
    // A Kapow! without a door asks for what its door would by default: a certificate.
    const access = valueAt(config, inFile(path)) ?? unwrap(schemaAt(path)).fallback;
    return url === undefined ? [] : [{ title, url, access: String(access) }];
  });
}

interface Place {
  readonly stack: string;
  readonly name: string;
  readonly folder: string;
  readonly doors: readonly Door[];
}

/** What is printed at the end. This is the only time that the password is shown. */
export function summary(
  { stack, name, folder, doors }: Place,
  { password, validTo }: Pick<Bundle, "password" | "validTo">,
): string {
  const again = run(stack, `client -- ${name}`);
  const rest =
    password === undefined
      ? [`It has no ${name}.p12: the private key was created elsewhere, and only its owner has it.`]
      : [
          `  Password of ${name}.p12    ${password}`,
          "",
          "The password is shown only once and stored nowhere: hand it over separately from the files.",
          `If it gets lost, \`${again}\` makes the files again, with another password.`,
        ];
  const unused = doors.every(({ access }) => access === "password")
    ? [
        "",
        `note: no service asks for a certificate yet: set \`access\` of cybexp:kms or cybexp:backend in Pulumi.${stack}.yaml`,
      ]
    : [];
  return [
    `${relative(process.cwd(), folder) || folder} has the files of ${name}, valid until ${validTo.toISOString().slice(0, 10)}.`,
    "",
    ...rest,
    ...unused,
    "",
  ].join("\n");
}

/** `--csr FILE`: the next `up` signs the request, and the private key never leaves its owner. */
async function enterRequest(name: string, file: string, write: boolean): Promise<void> {
  const fault = parseUserName(name);
  if (fault instanceof Fault) {
    throw new UserError(`${JSON.stringify(name)} can't be a client's name. ${fault.reason}`);
  }
  const stack = stackName();
  const target = stackFile(stack);
  const source = asWritten(file);
  const { pem, key } = readRequest(readSmall(source, file), file);
  const shown = relative(projectRoot, target);
  if (!write) {
    process.stdout.write(renderEntry(name, pem));
    process.stderr.write(
      `${file} is a valid request (${key}). Put the lines above into ${shown}, or run this again with --write.\n`,
    );
    return;
  }
  await lockStack(stack, "npm run client");
  replaceFile(target, withEntry(readFileSync(target, "utf8"), { name, pem, file: shown }));
  process.stdout.write(
    `${name} is in ${shown} with its request (${key}). \`${run(stack, "up")}\` signs it; then \`${run(stack, `client -- ${name}`)}\` writes the files to hand over.\n`,
  );
}

/** Longer than any request. */
const LONGEST_REQUEST = 65_536;

function readSmall(path: string, shown: string): Buffer {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > LONGEST_REQUEST) {
    throw new UserError(
      found === undefined
        ? `there is no file ${shown}`
        : `${shown} is not a certificate request: ${found.isFile() ? `it has ${found.size} bytes, and at most ${LONGEST_REQUEST} are allowed` : "it is not a file"}`,
    );
  }
  return readFileSync(path);
}
