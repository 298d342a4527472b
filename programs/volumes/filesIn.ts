/** The files of a folder in a container, running or not, one after another. */
import { normalize } from "node:path/posix";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import type { Docker } from "../docker/docker.ts";
import { outputOf } from "../docker/streams.ts";

export interface FileInFolder {
  /** Its path in the folder. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content: Buffer;
}

export async function* filesIn(
  docker: Docker,
  container: string,
  folder: string,
): AsyncGenerator<FileInFolder> {
  const archive = outputOf(docker, ["container", "cp", `${container}:${folder}/.`, "-"]);
  const source = Readable.from(archive, { objectMode: false });
  const reader = extract();
  source.on("error", (error) => reader.destroy(error));
  source.pipe(reader);
  for await (const entry of reader) {
    const { name, type, mode = 0o600, uid = 0, gid = 0 } = entry.header;
    const content = await buffer(entry);
    if (type === "file") {
      yield { path: normalize(name), mode, uid, gid, content };
    }
  }
}
