/** Whose containers, networks and volumes a program may touch: a part of its input. */
import { z } from "zod";
import { CYBEXP } from "../names/docker.ts";

export const ownerInput = {
  /** The id in the labels of what is the deployment's. */
  deployment: z.string(),
  /**
   * What the names of these labels begin with. What an older version left in the state says nothing of it, and is
   * still read where a resource is removed.
   */
  labels: z.string().default(CYBEXP),
};
