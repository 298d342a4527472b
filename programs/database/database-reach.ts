/**
 * Checks that a database outside of the stack can be reached from the engine, lets its service in, lets it work,
 * and has the data that the service left. Prints its hosts, as DNS names them, and what was found. Changes
 * nothing.
 */
import { databaseRemarks, documentsIn, refusedDatabase } from "../../render/databaseAnswer.ts";
import { moveRemark, refusedMove } from "../../render/databaseMove.ts";
import { readDatabaseUri } from "../../settings/databaseUri.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { askFromEngine } from "./askDatabase.ts";
import {
  askedDatabase,
  databaseReachInput,
  placeBefore,
  reached,
  type Reached,
} from "./externalDatabase.ts";
import { resolveHosts } from "./resolveHosts.ts";

await runProgram(databaseReachInput, 90, async (input) => {
  const docker = new Docker(input.dockerHost);
  const uri = readDatabaseUri(input.uri);
  const hosts = await resolveHosts(uri);
  const asked = askedDatabase(input, uri, hosts);
  const answer = await askFromEngine(docker, { ...input, uri, hosts });
  const documents = documentsIn(answer);
  // The command provider puts the command's last output there.
  const text = process.env["PULUMI_COMMAND_STDOUT"];
  const last = text ? reached.parse(JSON.parse(text)) : undefined;
  const move = {
    ...{ service: input.role, spoken: input.service, place: input.place, documents },
    ...{ left: input.left, throwaway: input.throwaway },
    before: await placeBefore(docker, { ...input, last }),
    remembered: last?.place === input.place ? last.documents : undefined,
  };
  const refused = refusedDatabase(asked, answer) ?? refusedMove(move);
  if (refused !== undefined) {
    throw new UserError(refused);
  }
  for (const remark of [...databaseRemarks(asked, answer), moveRemark(move) ?? []].flat()) {
    process.stderr.write(`note: ${remark}\n`);
  }
  const found: Reached = {
    hosts: hosts.hosts.map(({ name, port }) => ({ name, port })),
    options: hosts.options.map(([name, value]) => [name, value]),
    place: input.place,
    documents,
  };
  process.stdout.write(JSON.stringify(found));
});
