/** Runs once a database's container is there. Its service may still be frozen, if the run before was ended by force. */
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { pairSchema, thaw } from "./pair.ts";

await runProgram(pairSchema, 60, (pair) => thaw(new Docker(pair.dockerHost), pair));
