/** Calls from another address than this machine's: from a container in the proxy's network. */
import { docker, dockerMeanwhile, pythonImage, startContainer } from "./docker.ts";
import { type Proxy, SERVER_NAME } from "./proxy.ts";

const PROGRAM = `
import base64, socket, ssl, sys, time
host, port, name, credential, count = sys.argv[1:]
context = ssl._create_unverified_context()
head = "GET / HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\nAuthorization: Basic %s\\r\\n\\r\\n" % (
    name, base64.b64encode(credential.encode()).decode())
for _ in range(int(count)):
    begin = time.monotonic()
    try:
        with socket.create_connection((host, int(port)), timeout=3) as plain:
            plain.settimeout(30)
            with context.wrap_socket(plain, server_hostname=name) as tls:
                tls.sendall(head.encode())
                said = tls.makefile("rb").readline().split()[1].decode()
    except OSError as error:
        said = type(error).__name__
    print(said, round(time.monotonic() - begin, 2))
`;

export interface Said {
  /** The answer's status, or the kind of error. */
  readonly status: string;
  readonly seconds: number;
}

/** A caller with an address of its own. */
export class Elsewhere {
  readonly #proxy: Proxy;
  readonly #container: string;
  readonly address: string;

  constructor(proxy: Proxy) {
    this.#proxy = proxy;
    this.#container = startContainer([
      `--network=${proxy.network}`,
      "--entrypoint=sleep",
      pythonImage,
      "600",
    ]);
    this.address = addressOf(this.#container);
  }

  /** One call after the other, to the KMS's door. */
  async call(credential: string, count = 1): Promise<Said[]> {
    const output = await dockerMeanwhile([
      ...["exec", this.#container, "python3", "-c", PROGRAM],
      ...[addressOf(this.#proxy.container), "8441", SERVER_NAME, credential, String(count)],
    ]);
    return output.split("\n").map((line) => {
      const [status = "", seconds] = line.split(" ");
      return { status, seconds: Number(seconds) };
    });
  }

  stop(): void {
    docker(["rm", "--force", this.#container]);
  }
}

const addressOf = (container: string) =>
  docker([
    "inspect",
    container,
    "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
  ]);
