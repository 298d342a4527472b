import { UserError } from "../programs/errors.ts";

/** A benchmark's module is loaded only when it is called. */
const BENCHMARKS: Readonly<Record<string, () => Promise<void>>> = {
  rotation: async () => (await import("./rotation.ts")).rotation(),
  scale: async () => (await import("./scale.ts")).scale(),
};

/** `npm run bench -- NAME`: runs a benchmark and prints the results. */
export async function bench(name: string): Promise<void> {
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (benchmark === undefined) {
    throw new UserError(
      `there is no benchmark ${JSON.stringify(name)}: choose ${Object.keys(BENCHMARKS).join(" or ")}`,
    );
  }
  await benchmark();
}
