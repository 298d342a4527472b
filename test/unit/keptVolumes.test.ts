import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type FoundVolume,
  idleKeys,
  type Keeper,
  type KeptVolume,
  lossKey,
  troubleWith,
} from "../../render/keptVolumes.ts";
import { ours } from "../../names/docker.ts";

const engine = { id: "E", name: "host-a" };
const volume = "cybexp-prod-kms-secrets";
const record = { volume, mark: "3f2a9c10b7d4", engine };
const kept: KeptVolume = { part: "kms-secrets", volume, record };
const old: KeptVolume = { ...kept, record: undefined };
const keeper: Keeper = { stack: "prod", ...ours("feed"), engine, lost: [] };
const well: FoundVolume = { deployment: "feed", mark: record.mark, missingKeys: [] };

const LOSS =
  "The KMS would make new ones, and every stored record would stay unreadable for good, although the databases still have it.";
const CREATE =
  "`docker volume create --label cybexp.deployment=feed --label cybexp.role=kms-secrets --label cybexp.stack=prod cybexp-prod-kms-secrets`";
const giveUp = (key: string) =>
  `If it is gone for good, set cybexp:lost in Pulumi.prod.yaml to [${key}]: that permits this one loss and no later one.`;
const KEY = giveUp("kms-secrets@3f2a9c10b7d4");

const cases: readonly {
  readonly name: string;
  readonly kept?: KeptVolume;
  readonly found: FoundVolume | undefined;
  readonly keeper?: Partial<Keeper>;
  readonly kind: string;
  readonly text: string;
}[] = [
  {
    name: "missing",
    found: undefined,
    kind: "missing",
    text: `the volume ${volume} with the KMS's keys is gone from the engine host-a. ${LOSS} Restore it from a backup: ${CREATE}, then copy the backup's files, .cybexp-volume among them, into it (docs/data.md). ${KEY}`,
  },
  {
    name: "missing before it was ever marked",
    kept: old,
    found: undefined,
    kind: "missing",
    text: `the volume ${volume} with the KMS's keys is gone from the engine host-a. ${LOSS} Restore it from a backup: ${CREATE}, then copy the backup's files into it (docs/data.md). ${giveUp("kms-secrets@unmarked")}`,
  },
  {
    name: "on another engine",
    found: undefined,
    keeper: { engine: { id: "F", name: "host-b", host: "ssh://b" } },
    kind: "elsewhere",
    text: `the engine host-b (ssh://b) has no volume ${volume}, which has the KMS's keys: it was made on the engine host-a. ${LOSS} Set docker:host in Pulumi.prod.yaml (or DOCKER_HOST) back to that engine, or move the volume to this one (docs/data.md). ${KEY}`,
  },
  {
    name: "called by the stack's former name",
    kept: { ...kept, record: { ...record, volume: "cybexp-old-one-kms-secrets" } },
    found: undefined,
    kind: "renamed",
    text: `the stack is called prod now, and the volume with the KMS's keys is still called cybexp-old-one-kms-secrets. ${LOSS} Give the stack its name back: \`STACK=prod npm run pulumi -- stack rename old-one\`; or copy the volumes to their new names first (docs/data.md).`,
  },
  {
    name: "another deployment's",
    found: { ...well, deployment: "beef", mark: undefined },
    kind: "foreign",
    text: `the volume ${volume} should have the KMS's keys, and is not this stack's (its label cybexp.deployment is beef; this stack's is feed). ${LOSS} Docker can't change a label: copy what is in it elsewhere, remove it, make it again by ${CREATE}, and copy this stack's files into it (docs/data.md).`,
  },
  {
    name: "nobody's",
    kept: old,
    found: { ...well, deployment: undefined, mark: undefined },
    kind: "foreign",
    text: `the volume ${volume} should have the KMS's keys, and is not this stack's (it has no label cybexp.deployment; this stack's is feed). ${LOSS} Docker can't change a label: copy what is in it elsewhere, remove it, make it again by ${CREATE}, and copy this stack's files into it (docs/data.md).`,
  },
  {
    name: "an empty one of that name",
    found: { ...well, mark: undefined },
    kind: "unmarked",
    text: `the volume ${volume} is not the one that had the KMS's keys: it has no .cybexp-volume. Somebody made an empty one of that name, or restored a backup without that file. ${LOSS} Copy the files of a backup into it, .cybexp-volume among them (docs/data.md). ${KEY}`,
  },
  {
    name: "another one of that name",
    found: { ...well, mark: "aaaaaaaaaaaa" },
    kind: "another",
    text: `the volume ${volume} is not the one that had the KMS's keys: its mark is aaaaaaaaaaaa, and 3f2a9c10b7d4 is the one that was recorded. ${LOSS} Put the right volume back from a backup (docs/data.md). ${KEY}`,
  },
  {
    name: "emptied of its keys",
    found: { ...well, missingKeys: ["DE_key.pem"] },
    kind: "emptied",
    text: `the volume ${volume} has lost the KMS's keys: DE_key.pem is not in it any more. ${LOSS} Copy them back from a backup (docs/data.md). ${KEY}`,
  },
  {
    name: "emptied of its keys before it was ever marked",
    kept: old,
    found: { ...well, mark: undefined, missingKeys: ["DE_key.pem", "ORE_key.bin"] },
    kind: "emptied",
    text: `the volume ${volume} has lost the KMS's keys: DE_key.pem, ORE_key.bin are not in it any more. ${LOSS} Copy them back from a backup (docs/data.md). ${giveUp("kms-secrets@unmarked")}`,
  },
];

describe("a kept volume", () => {
  for (const { name, found, kind, text, ...given } of cases) {
    it(`that is ${name} is reported, with what it means and what to do`, () => {
      const trouble = troubleWith(given.kept ?? kept, found, { ...keeper, ...given.keeper });
      assert.deepEqual(
        { kind: trouble?.kind, permitted: trouble?.permitted, text: trouble?.text },
        { kind, permitted: false, text },
      );
    });

    it(`that is ${name} may go by the one key that names it${kind === "foreign" || kind === "renamed" ? ": no" : ""}`, () => {
      const volumeOf = given.kept ?? kept;
      const permitted = (lost: string[]) =>
        troubleWith(volumeOf, found, { ...keeper, ...given.keeper, lost })?.permitted;
      const canGo = kind !== "foreign" && kind !== "renamed";
      assert.equal(permitted([lossKey(volumeOf)]), canGo);
      assert.equal(permitted(["kms-secrets@000000000000", "kms-db-data@3f2a9c10b7d4"]), false);
    });
  }

  it("that is there with its mark is fine, whatever else is said of it", () => {
    assert.equal(troubleWith(kept, well, keeper), undefined);
    assert.equal(troubleWith(kept, well, { ...keeper, lost: [lossKey(kept)] }), undefined);
    // Moved to another engine, under another name, with its mark.
    const moved = { ...keeper, engine: { id: "F", name: "host-b" } };
    assert.equal(
      troubleWith({ ...kept, volume: "cybexp-new-kms-secrets" }, well, moved),
      undefined,
    );
    // Not marked yet: the next `up` does.
    assert.equal(troubleWith(old, { ...well, mark: undefined }, keeper), undefined);
  });

  it("that is given up is reported with what that means from now on", () => {
    const lost = [lossKey(kept)];
    assert.equal(
      troubleWith(kept, undefined, { ...keeper, lost })?.text,
      `the KMS's keys in ${volume} are given up, as cybexp:lost says. The KMS makes new ones. Every stored record stays unreadable for good, although the databases still have it.`,
    );
  });

  it("of another program is named by its part", () => {
    const own = {
      part: "web-data",
      volume: "web-test-web-data",
      record: { ...record, volume: "web-test-web-data" },
    };
    assert.match(
      troubleWith(own, undefined, keeper)?.text ?? "",
      /^the volume web-test-web-data with the data of web-data is gone from the engine host-a\. All of it would be gone\. /,
    );
  });
});

describe("a key in cybexp:lost", () => {
  const idle = (lost: string[], found: FoundVolume | undefined) => {
    const trouble = troubleWith(kept, found, { ...keeper, lost });
    return idleKeys([kept], trouble ? [trouble] : [], { stack: "prod", lost });
  };

  it("is to be removed once it has done its work, or before it does harm, but not while it is needed", () => {
    assert.deepEqual(idle([lossKey(kept)], undefined), []);
    assert.deepEqual(idle(["kms-secrets@aaaaaaaaaaaa"], well), [
      "cybexp:lost has kms-secrets@aaaaaaaaaaaa: the stack has no such volume any more, so the key has done its work; remove it from Pulumi.prod.yaml",
    ]);
    assert.deepEqual(idle([lossKey(kept)], well), [
      "cybexp:lost has kms-secrets@3f2a9c10b7d4: that volume is there, and the key would permit its loss; remove it from Pulumi.prod.yaml",
    ]);
  });
});
