/** Servers that answer a module as a test says, and tell what they were asked. */
import type { Box, Sandbox } from "./sandbox.ts";

/** What is answered to a request line such as `GET /`. */
export interface Answer {
  readonly status: number;
  readonly text?: string;
  readonly location?: string;
  /** How long it takes. */
  readonly seconds?: number;
}

export interface Asked {
  readonly what: string;
  /** The headers `Authorization` and `X-Authorization`. */
  readonly basic: string | null;
  readonly token: string | null;
  /** What was posted. */
  readonly record?: {
    /** In hex; null for a value that could not be encrypted. */
    readonly index: readonly (string | null)[];
    readonly timestamp: readonly number[] | null;
    /** The names of the comparable fields. */
    readonly de: readonly string[];
    /** By the field's name: its policy, and its value. */
    readonly cpabe: Readonly<Record<string, readonly [policy: string, value: unknown]>>;
  };
}

const PROGRAM = `
import http.server, json, os, pickle, re, ssl, time

def answers():
    found = {}
    for path in ("/answers.json", "/tmp/answers.json"):
        if os.path.exists(path):
            with open(path) as file:
                found.update(json.load(file))
    return found

def shown(record):
    named = lambda kind: {key[len(kind):]: value for key, value in record.items() if key.startswith(kind)}
    def opened(sealed):
        policy, value = re.fullmatch(rb"demo CP-ABE \\((.*?)\\) (\\x80.*)", sealed, re.DOTALL).groups()
        return policy.decode(), pickle.loads(value)
    return {
        "index": [term and term.hex() for term in record["index"]],
        "timestamp": record.get("timestamp"),
        "de": sorted(named("de_")),
        "cpabe": {name: opened(sealed) for name, sealed in named("cpabe_").items()},
    }

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = f"{self.command} {self.path}"
        asked = {"what": what, "basic": self.headers["Authorization"], "token": self.headers["X-Authorization"]}
        if body:
            asked["record"] = shown(pickle.loads(body))
        with open("/tmp/asked", "a") as file:
            file.write(json.dumps(asked) + "\\n")
        answer = answers().get(what, {"status": 404})
        time.sleep(answer.get("seconds", 0))
        self.send_response(answer["status"])
        if "location" in answer:
            self.send_header("Location", answer["location"])
        self.end_headers()
        self.wfile.write(answer.get("text", "").encode("latin1"))

    do_POST = do_GET

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Handler)
if os.path.exists("/server.pem"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
`;

export class Scripted {
  readonly box: Box;
  /** How much of it is read already. */
  #read = 0;

  private constructor(box: Box) {
    this.box = box;
  }

  /**
   * @param answers To request lines; 404 to any other.
   * @param tls Its host name, and its key and certificate in PEM. It speaks plain HTTP without.
   */
  static async start(
    sandbox: Sandbox,
    answers: Readonly<Record<string, Answer>>,
    tls?: { readonly alias: string; readonly pem: string },
  ): Promise<Scripted> {
    const box = await sandbox.run("cybexp-demo/kms:1", {
      user: "65532:65532",
      files: {
        "/server.py": PROGRAM,
        "/answers.json": JSON.stringify(answers),
        ...(tls && { "/server.pem": tls.pem }),
      },
      ...(tls && { alias: tls.alias }),
      entrypoint: "/usr/bin/python3",
      command: ["-u", "/server.py"],
    });
    await box.until(async () => (await box.logs()).includes("ready"));
    return new Scripted(box);
  }

  /** From now on, these take precedence; none, to answer as at the start. */
  async answer(answers: Readonly<Record<string, Answer>>): Promise<void> {
    const write = `
import json, os, sys
with open("/tmp/new", "w") as file:
    json.dump(json.loads(sys.argv[1]), file)
os.replace("/tmp/new", "/tmp/answers.json")`;
    await this.box.exec("python3", "-c", write, JSON.stringify(answers));
  }

  /** What it was asked since the last look. */
  async asked(): Promise<Asked[]> {
    // The log may come a moment later.
    const { code, output } = await this.box.exec("cat", "/tmp/asked");
    const lines = code === 0 ? output.split("\n").filter(Boolean) : [];
    const news = lines.slice(this.#read).map((line) => JSON.parse(line) as Asked);
    this.#read = lines.length;
    return news;
  }
}
