import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reminded } from "../../stack/backup/remind.ts";
import { interpretState } from "../../stack/state.ts";
import { recordedKeys } from "../../stack/keptData.ts";

const program = (name: string) => ({
  urn: `urn:pulumi:dev::cybexp::cybexp:index:Kms$command:local:Command::${name}`,
  type: "command:local:Command",
  inputs: { create: "node x.ts", environment: { KMS: "container" } },
  outputs: {
    stdout: JSON.stringify({ volume: "v", files: {} }),
    environment: { KMS: "container" },
  },
});

describe("the state after a restore", () => {
  const before = {
    version: 3,
    deployment: {
      resources: [program("kms-key-files"), program("kms-accounts"), program("smoke")],
    },
  };
  const [keys, accounts, smoke] = reminded(before).deployment?.resources ?? [];

  it("has programs for keys and accounts that the next `up` runs again", () => {
    assert.deepEqual(
      [keys, accounts, smoke].map((resource) => resource?.inputs?.["environment"]),
      [{}, {}, { KMS: "container" }],
    );
    assert.deepEqual(keys?.inputs?.["create"], "node x.ts");
  });

  it("remembers no keys, and all else", () => {
    assert.equal(recordedKeys(interpretState(reminded(before))), undefined);
    assert.equal(accounts?.outputs?.["stdout"], before.deployment.resources[1]?.outputs.stdout);
    assert.deepEqual(smoke, before.deployment.resources[2]);
    assert.equal((reminded(before) as { version?: number }).version, 3);
  });
});
