/** What is printed after a new environment's file is written: where its state will be, and what to do next. */
import { valueAt } from "../../settings/path.ts";
import { folderOf, isPulumiCloud } from "../../settings/state.ts";
import type { Values } from "./question.ts";

export function nextSteps(name: string, values: Values): string {
  const backend = valueAt(values, ["state", "backend"]) as string | undefined;
  const provider = valueAt(values, ["state", "secretsProvider"]) as string | undefined;
  return [
    `Pulumi.${name}.yaml is written. It contains no secret: commit it.`,
    "",
    ...stateLines(backend),
    ...(backend === undefined ? [] : keyLines(name, provider)),
    `  Look        STACK=${name} npm run preview`,
    `  Deploy      STACK=${name} npm run up`,
    ...(backend === undefined
      ? []
      : [
          "",
          `The first one adds the stack's encryption settings to Pulumi.${name}.yaml: commit that, too.`,
        ]),
    "",
    "More: docs/environments.md",
    "",
  ].join("\n");
}

function stateLines(backend: string | undefined): string[] {
  if (backend === undefined) {
    return [
      "  State       in this clone, .cybexp/state, with its passphrase beside it: keep that folder as long as the stack",
    ];
  }
  const folder = folderOf(backend);
  if (folder !== undefined) {
    return [
      `  State       ${backend}`,
      `              create the folder so that only you can read it, and back it up: mkdir -p -m 700 '${folder}'`,
    ];
  }
  return [`  State       ${backend}`, `              ${credentialsOf(backend)}`];
}

function credentialsOf(backend: string): string {
  if (isPulumiCloud(backend)) {
    return "set its token in PULUMI_ACCESS_TOKEN, or log in once: npm run pulumi -- login";
  }
  const from: Readonly<Record<string, string>> = {
    s3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's role",
    gs: "GOOGLE_APPLICATION_CREDENTIALS, or gcloud's login",
    azblob: "AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, or az's login",
  };
  return `its credentials come from the environment: ${from[backend.split(":")[0] ?? ""] ?? ""}`;
}

function keyLines(name: string, provider: string | undefined): string[] {
  if (provider !== undefined && provider !== "passphrase") {
    return [`  Key         ${provider === "default" ? "Pulumi Cloud's own" : provider}`];
  }
  const file = `~/.cybexp-${name}-passphrase`;
  return [
    "  Passphrase  with it and the state, anybody can read every secret; without it, nobody can change the stack:",
    `              (umask 077; head -c 24 /dev/urandom | base64 > ${file})`,
    `              export PULUMI_CONFIG_PASSPHRASE_FILE=${file}`,
  ];
}
