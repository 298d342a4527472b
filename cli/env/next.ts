/** What is printed when a new environment's file is there: where its state will be, and what comes next. */
import { valueAt } from "../../settings/path.ts";
import { folderOf, isPulumiCloud } from "../../settings/state.ts";
import type { Values } from "./question.ts";

export function nextSteps(name: string, values: Values): string {
  const backend = valueAt(values, ["state", "backend"]) as string | undefined;
  const provider = valueAt(values, ["state", "secretsProvider"]) as string | undefined;
  return [
    `Pulumi.${name}.yaml is written. There is no secret in it: commit it.`,
    "",
    ...stateLines(backend),
    ...(backend === undefined ? [] : keyLines(name, provider)),
    `  Look        STACK=${name} npm run preview`,
    `  Deploy      STACK=${name} npm run up`,
    ...(backend === undefined
      ? []
      : [
          "",
          `The first of them adds to Pulumi.${name}.yaml what belongs to the stack's encryption: commit that, too.`,
        ]),
    "",
    "More: docs/environments.md",
    "",
  ].join("\n");
}

function stateLines(backend: string | undefined): string[] {
  if (backend === undefined) {
    return [
      "  State       in this clone, .cybexp/state, its passphrase beside it: keep that folder as long as the stack",
    ];
  }
  const folder = folderOf(backend);
  if (folder !== undefined) {
    return [
      `  State       ${backend}`,
      `              make the folder for you alone, and back it up: mkdir -p -m 700 '${folder}'`,
    ];
  }
  return [`  State       ${backend}`, `              ${credentialsOf(backend)}`];
}

function credentialsOf(backend: string): string {
  if (isPulumiCloud(backend)) {
    return "its token comes from PULUMI_ACCESS_TOKEN, or once by: npm run pulumi -- login";
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
    "  Passphrase  whoever has it and the state has every secret; without it nobody can change the stack:",
    `              (umask 077; head -c 24 /dev/urandom | base64 > ${file})`,
    `              export PULUMI_CONFIG_PASSPHRASE_FILE=${file}`,
  ];
}
