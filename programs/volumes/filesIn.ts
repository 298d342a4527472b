/** The files of a folder in a container or a volume, one after another. */
import { normalize } from "node:path/posix";
import { entriesIn } from "../docker/archive.ts";
import type { Docker } from "../docker/docker.ts";
import { outputOf } from "../docker/streams.ts";
import type { Owner } from "../../names/docker.ts";
import { withMounted } from "./keptVolume.ts";

export interface FileInFolder {
  /** Its path in the folder. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly content: Buffer;
}

/** A file, a folder or a symbolic link. */
export interface StoredFile extends FileInFolder {
  /** @default a file */
  readonly type?: "directory" | "symlink";
  /** Where a link points to. */
  readonly link?: string;
}

/** Its files alone. The container may run or not. */
export async function* filesIn(
  docker: Docker,
  container: string,
  folder: string,
): AsyncGenerator<FileInFolder> {
  for await (const { type, ...file } of allIn(docker, container, folder)) {
    if (type === undefined) {
      yield file;
    }
  }
}

/** All that a folder has. */
export async function* allIn(
  docker: Docker,
  container: string,
  folder: string,
): AsyncGenerator<StoredFile> {
  const archive = outputOf(docker, ["container", "cp", `${container}:${folder}/.`, "-"]);
  for await (const { header, content } of entriesIn(archive)) {
    const { name, type, mode = 0o600, uid = 0, gid = 0, linkname } = header;
    const file = { path: normalize(name).replace(/\/$/, ""), mode, uid, gid, content };
    if (type === "file") {
      yield file;
    } else if (type === "directory" && file.path !== ".") {
      yield { ...file, type };
    } else if (type === "symlink" && linkname) {
      yield { ...file, type, link: linkname };
    }
  }
}

/** All that a folder of a volume has, whether a container has the volume or not. For small folders. */
export function allInVolume(
  docker: Docker,
  { volume, ...owner }: Owner & { readonly volume: string },
  folder = ".",
): Promise<StoredFile[]> {
  return withMounted(docker, volume, owner, async ({ container, path }) => {
    const found: StoredFile[] = [];
    for await (const file of allIn(docker, container, `${path}/${folder}`)) {
      found.push(file);
    }
    return found;
  });
}
