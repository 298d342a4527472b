/** What a service really gets: it listens in the service's own network. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { docker } from "../../integration/project.ts";

/** Prints the headers of each request whose path begins as given, as a list in JSON. */
const LISTEN = `
import json, socket, sys
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print("listening", flush=True)
start = b"GET " + sys.argv[1].encode()
while True:
    data = packets.recv(65535)
    at = data.find(start)
    if at >= 0:
        head = data[at:].split(b"\\r\\n\\r\\n")[0].decode("latin1").split("\\r\\n")
        print(json.dumps([line.split(": ", 1) for line in head]), flush=True)
`;

export type Header = readonly [name: string, value: string];

export class Witness {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #heard: Header[][] = [];

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
  }

  /**
   * @param container Of the service; with Python in its image.
   * @param path What the requests' paths begin with.
   */
  static async start(container: { Id: string; Image: string }, path: string): Promise<Witness> {
    const name = `cybexp-test-witness-${container.Id.slice(0, 12)}`;
    const child = spawn(
      "docker",
      [
        ...["run", "--rm", "--name", name, "--network", `container:${container.Id}`],
        ...["--user", "0:0", "--cap-drop", "ALL", "--cap-add", "NET_RAW"],
        ...["--entrypoint", "python3", container.Image, "-u", "-c", LISTEN, path],
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const witness = new Witness(child, name);
    await new Promise<void>((resolve, reject) => {
      child.on("close", () => reject(new Error("nobody listens")));
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line === "listening") {
          resolve();
        } else {
          witness.#heard.push(JSON.parse(line) as Header[]);
        }
      });
    });
    return witness;
  }

  /** The headers of the requests until now: those in which the proxy says who calls, sorted, or all. */
  identities(): Record<string, readonly Header[]> {
    return Object.fromEntries(
      this.#heard.map(([request, ...headers]) => [
        request?.[0].split(" ")[1],
        headers
          .map(([name, value]): Header => [name.toLowerCase(), value])
          .filter(([name]) => /^(x.cybexp.*|authorization)$/.test(name))
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ]),
    ) as Record<string, readonly Header[]>;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.on("close", resolve));
    docker("rm", "--force", this.#name);
    await ended;
  }
}
