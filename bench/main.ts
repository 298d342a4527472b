import { UserError } from "../programs/errors.ts";

/** Each benchmark's module is loaded when it is called for. */
const BENCHMARKS: Readonly<Record<string, () => Promise<void>>> = {
  rotation: async () => (await import("./rotation.ts")).rotation(),
  scale: async () => (await import("./scale.ts")).scale(),
};

/** `npm run bench -- NAME`: measures, and prints what it measured. */
export async function bench(name: string): Promise<void> {
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (benchmark === undefined) {
    throw new UserError(
      `there is no benchmark ${JSON.stringify(name)}: ${Object.keys(BENCHMARKS).join(", ")} is one`,
    );
  }
  await benchmark();
}
