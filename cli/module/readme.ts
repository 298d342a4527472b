/** The README.txt of a module's folder: what is in it, and commands that work when pasted. */
import { npmRun } from "../../programs/npmRun.ts";
import { BIND, DRAIN_SECONDS, type Kind, runOptions, wrapped } from "./dockerRun.ts";
import type { Route } from "./route.ts";
import type { ScriptInput } from "./scripts.ts";

export interface ReadmeInput extends ScriptInput {
  readonly kmsUrl: string;
  readonly backendUrl: string;
  /** Whether a shell reads the password as nothing but a word. */
  readonly isPlain: boolean;
}

export function renderReadme(input: ReadmeInput): string {
  const { kind, user, stack, kmsUrl, backendUrl } = input;
  return [
    `CYBEX-P's ${kind} module, as ${user} of the stack ${stack}`,
    "",
    `  KMS      ${kmsUrl}`,
    `  Backend  ${backendUrl}`,
    "",
    "  config.yaml  the module's configuration, with a password and a token in it",
    "  ca.pem       the authorities that the module trusts, and no others",
    "  run.sh       runs the module",
    "  bin/docker   for CYBEX-P's own script: see below",
    "  secrets/     the keys, which the module fetches from the KMS at its first start",
    "",
    `Whoever has this folder can act as ${user}. Only its owner can read it: keep it so, and copy it with`,
    "`scp -rp`. It needs Docker, and the image of the module.",
    "",
    ...reach(input.route, kind),
    "Run the commands below in this folder.",
    "",
    ...(kind === "collector" ? collector(input) : query(input)),
    ...ownScript(input),
    ...keys(kind),
    ...renew(input),
  ].join("\n");
}

function reach(route: Route, kind: Kind): string[] {
  switch (route.kind) {
    case "name":
      return [];
    case "address":
      return [
        `Where the command was run that wrote this, ${route.name} is ${route.address}, and the DNS doesn't have`,
        "it. So the container gets that address with `--add-host`. Change it if it is another one here.",
        "",
      ];
    case "unknown":
      return [
        `The name ${route.name} must resolve here, by the DNS. If it is in /etc/hosts alone, add`,
        `\`--add-host=${route.name}:ADDRESS\` to the commands.`,
        "",
      ];
    case "host":
      return [
        "The proxy listens on a loopback address. So this works on the Docker host alone, and the module",
        "shares the host's network (`--network=host`). Docker Desktop has to allow that in its settings.",
        ...(kind === "collector"
          ? [
              "The collector then takes records at port 8080 of ALL addresses of the host, and they are not",
              "encrypted: for trying out only. In another stack, give the proxy an address and a name.",
            ]
          : []),
        "",
      ];
  }
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`);

function collector(input: ReadmeInput): string[] {
  const { name, route, image } = input;
  const at = route.kind === "host" ? "port 8080" : BIND;
  const options = ["--detach", `--name=${name}`, "--restart=unless-stopped", ...runOptions(input)];
  return [
    "Start it in the background:",
    "",
    ...indented(["mkdir -p secrets", ...wrapped(["docker run", ...options, image])]),
    "",
    "`./run.sh --detach` does the same, and looks at the keys first. `./run.sh` runs it in the foreground.",
    `It is ready when its log says so, and takes records at ${at}: one JSON object in each connection.`,
    "",
    `  docker logs ${name}`,
    "",
    "Stop it, after whatever sends records to it:",
    "",
    `  docker stop ${name}`,
    "",
    `It gets SIGINT, and up to ${DRAIN_SECONDS} seconds to store what it has received. With another signal it would lose that.`,
    "",
    "Change `policy` in config.yaml to say what is indexed and who may read what, and restart it:",
    "",
    `  docker restart ${name}`,
    "",
  ];
}

function query(input: ReadmeInput): string[] {
  const options = runOptions(input);
  const example = ["192.0.2.1", "--query-type", "count"];
  return [
    "Ask for the records in which an indexed field is 192.0.2.1, or for their number:",
    "",
    "  ./run.sh 192.0.2.1",
    "  ./run.sh 192.0.2.1 --query-type count",
    "",
    "The answer is in the file output: one JSON object a line. The other options are --from-time N and",
    "--to-time N (seconds since 1970), --left-inclusive and --right-inclusive.",
    "",
    "Without the script:",
    "",
    ...indented([
      "mkdir -p secrets && : >output",
      ...wrapped(["docker run --rm", ...options, input.image, ...example]),
    ]),
    "",
  ];
}

function ownScript(input: ReadmeInput): string[] {
  const { kind, route } = input;
  const [script, example] =
    kind === "collector"
      ? ["collector.sh", route.kind === "host" ? "config.yaml" : `--bind ${BIND} config.yaml`]
      : ["query.sh", "config.yaml 192.0.2.1 output"];
  const repository = kind === "collector" ? "cybexp-collector" : "cybexp-priv-query";
  const call = `~/${repository}/${script} ${example}`;
  return [
    `With CYBEX-P's own ${script}:`,
    "",
    "The script has no option for the authorities, the network or the stop signal. bin/docker adds them to",
    "its `docker run`. Put it first on the path:",
    "",
    `  PATH="$PWD/bin:$PATH" ${call}`,
    "",
    "If you are not in the group docker, the script calls sudo, which has a path of its own. Then write:",
    "",
    `  sudo env PATH="$PWD/bin:$PATH" ${call}`,
    "",
    `The script's image must be there (\`${script} --build --build-only\`). It keeps the keys in its own folder`,
    `secrets, not in this one.${kind === "collector" ? " Stop it with Ctrl-C." : ""}`,
    "",
    ...(kind === "collector" ? attributes(input, `~/${repository}/${script}`) : []),
  ];
}

/** The script hands the password to `eval`. */
function attributes({ user, kmsUrl, isPlain }: ReadmeInput, script: string): string[] {
  return isPlain
    ? [
        "Its --get-attrib calls curl, which has to know the authorities, too:",
        "",
        `  CURL_CA_BUNDLE="$PWD/ca.pem" ${script} --get-attrib config.yaml`,
        "",
      ]
    : [
        "Don't use its --get-attrib: it would run parts of this password as a command. This shows the KMS's",
        "attributes as well, and asks for the password:",
        "",
        "  sed -n 's/^kms_access_key: \"\\(.*\\)\"$/X-Authorization: Bearer \\1/p' config.yaml |",
        `    curl --cacert ca.pem --user ${user} --header @- ${kmsUrl}/get/attributes`,
        "",
      ];
}

function keys(kind: Kind): string[] {
  return [
    "If it says that a key is wrong:",
    "",
    "The module stores as a key whatever it is answered, be it an error page, and never fetches it again.",
    "run.sh names such files. Delete the keys, and the module fetches them again:",
    "",
    "  rm -f secrets/*.bin",
    "",
    ...(kind === "query"
      ? [
          '"Could not fetch CPABE Public Key" means that the KMS has no account of this name, or none with attributes.',
          "",
        ]
      : []),
  ];
}

function renew({ stack, user, kind, name }: ReadmeInput): string[] {
  const again = npmRun(`module -- ${user}${kind === "collector" ? "" : ` --kind ${kind}`}`, stack);
  return [
    "After a rotation:",
    "",
    "The operator of the stack writes this folder again, with",
    "",
    `  ${again}`,
    "",
    "It brings the new password, token and authorities. Your changes to config.yaml stay, and so do the keys.",
    `With \`--to FOLDER\` it writes to where the module runs.${kind === "collector" ? ` Then run \`docker restart ${name}\`.` : ""}`,
    "",
  ];
}
