import { z } from "zod";
import {
  checkArguments,
  faultSentence,
  type ImageConfig,
  readCheck,
  startSentence,
} from "../../render/imageCheck.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runTask } from "../docker/task.ts";
import type { Owner } from "../../names/docker.ts";

/** `ImageNeeds`, as a program's input. */
export const needsSchema = z.object({
  role: z.string(),
  user: z.string(),
  programs: z.array(z.array(z.string())),
  files: z.array(z.string()).optional(),
  startsItself: z.boolean().optional(),
});

interface Question extends Owner {
  /** The image's id. */
  readonly image: string;
  readonly needs: z.infer<typeof needsSchema>;
}

interface ImageInfo {
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config: ImageConfig | null;
}

/**
 * Checks that an image has everything that it needs. It runs one container, which is removed afterwards and
 * is as restricted as the real one.
 *
 * @param last A shell command to run in it, too. Its output is returned.
 * @throws UserError with everything that is missing
 */
export async function checkImage(docker: Docker, question: Question, last = ""): Promise<string> {
  const { image, deployment, labels } = question;
  const { files, startsItself, ...always } = question.needs;
  const needs = { ...always, ...(files && { files }), ...(startsItself && { startsItself }) };
  const info = await docker.inspect<ImageInfo>("image", image);
  if (info === undefined) {
    throw new UserError(`the image ${image} is not on the engine`);
  }
  const name = info.RepoTags?.[0] ?? info.RepoDigests?.[0] ?? image;
  let output: string;
  try {
    output = await runTask(docker, {
      image,
      deployment,
      labels,
      user: needs.user,
      program: "sh",
      args: checkArguments(needs, info.Config ?? {}, last),
    });
  } catch (error) {
    const sentence =
      error instanceof DockerError ? startSentence(name, needs, error.output) : undefined;
    throw sentence === undefined ? error : new UserError(sentence);
  }
  const { faults, printed } = readCheck(output);
  if (faults.length > 0) {
    throw new UserError(faultSentence(name, needs, faults));
  }
  return printed;
}
