import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";

/** The image whose Nginx runs the rendered configuration. @default the demo image of this repository */
export const nginxImage = process.env["CYBEXP_TEST_NGINX_IMAGE"] ?? "cybexp-demo/nginx:1";

/** An image with PyYAML in it, as CYBEX-P's services have. @default the demo image of the KMS */
export const pythonImage = process.env["CYBEXP_TEST_PYTHON_IMAGE"] ?? "cybexp-demo/kms:1";

/** Runs `docker`, and gives its standard output without the last line end. */
export function docker(args: readonly string[], input?: string): string {
  return execFileSync("docker", args, {
    encoding: "utf8",
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(input !== undefined && { input }),
    timeout: 60_000,
    // A log of many requests.
    maxBuffer: 64 * 1024 * 1024,
  }).trim();
}

/** The same while other things go on. */
export async function dockerMeanwhile(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("docker", args, { timeout: 60_000 });
  return stdout.trim();
}

/** A name for a container or network that no other run has. */
export const uniqueName = (what: string) =>
  `cybexp-test-${what}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;

/** Starts a container that goes with its end, and gives its name. */
export function startContainer(args: readonly string[]): string {
  const name = uniqueName("nginx");
  docker(["run", "--detach", "--rm", `--name=${name}`, "--label=cybexp.test=nginx", ...args]);
  return name;
}

/** A network of its own, with the address at which containers in it reach this machine. */
export function createNetwork(): { name: string; gateway: string } {
  const name = uniqueName("network");
  docker(["network", "create", "--label=cybexp.test=nginx", name]);
  const gateway = docker([
    "network",
    "inspect",
    name,
    "--format={{(index .IPAM.Config 0).Gateway}}",
  ]);
  return { name, gateway };
}
