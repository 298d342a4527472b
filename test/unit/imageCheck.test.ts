/** What an image is asked before it is used, and how what it lacks is said. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { execa } from "execa";
import {
  checkArguments,
  faultSentence,
  readCheck,
  startSentence,
} from "../../render/imageCheck.ts";
import {
  databaseNeeds,
  type ImageNeeds,
  acmeNeeds,
  kapowNeeds,
  proxyNeeds,
  serviceNeeds,
} from "../../render/imageNeeds.ts";
import { projectRoot } from "../../machine/paths.ts";

const folder = mkdtempSync(join(tmpdir(), "cybexp-image-"));
after(() => rmSync(folder, { recursive: true }));

const needs: ImageNeeds = { role: "kms", user: "65532:65532", programs: [] };

/** Runs the check with this machine as the image. */
async function check(wanted: Partial<ImageNeeds>, image = {}, last = "", path = folder) {
  const { stdout } = await execa("/bin/sh", checkArguments({ ...needs, ...wanted }, image, last), {
    env: { PATH: path },
    extendEnv: false,
  });
  return readCheck(stdout);
}

function program(name: string, mode = 0o755, text = "#!/bin/sh\n"): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe("the check of an image", () => {
  it("finds programs by name and by path, one of several being enough", async () => {
    const path = program("first");
    program("third");
    program("locked", 0o644);
    const { faults } = await check({
      programs: [
        ["first"],
        ["second", "third"],
        ["second", "fourth"],
        [path],
        [join(folder, "nowhere")],
        [join(folder, "locked")],
        ["echo"],
      ],
    });
    assert.deepEqual(faults, [
      "missing second|fourth",
      `missing ${join(folder, "nowhere")}`,
      `missing ${join(folder, "locked")}`,
    ]);
  });

  it("tells GNU's wget, which has --version, from busybox's", async () => {
    const wanted = { programs: [["curl", "GNU wget"]] };
    program("wget", 0o755, "#!/bin/sh\nexit 1\n");
    assert.deepEqual((await check(wanted)).faults, ["missing curl|GNU wget"]);
    program("wget");
    assert.deepEqual((await check(wanted)).faults, []);
  });

  it("checks the image's own entrypoint, if that is what runs", async () => {
    const image = { Entrypoint: ["/no/python3", "-u"], Cmd: ["/no/server.py", "--fast"] };
    assert.deepEqual((await check({}, image)).faults, []);
    const own = await check({ startsItself: true }, image);
    // What is not there may come with a mount.
    assert.deepEqual(own.faults, ["start /no/python3"]);
    assert.deepEqual((await check({ startsItself: true }, { Cmd: ["echo"] })).faults, []);
    assert.deepEqual((await check({ startsItself: true }, { Entrypoint: null })).faults, []);
  });

  it("finds a folder in the place of a mounted file", async () => {
    mkdirSync(join(folder, "config.yaml"));
    const files = [join(folder, "config.yaml"), join(folder, "first"), join(folder, "nothing")];
    assert.deepEqual((await check({ files })).faults, [`folder ${files[0]}`]);
  });

  it("runs a last command in the same container, whatever its exit code", async () => {
    const { faults, printed } = await check(
      { programs: [["second"]] },
      {},
      "echo one; echo two; false",
    );
    assert.deepEqual(faults, ["missing second"]);
    assert.equal(printed, "one\ntwo");
  });

  it("that did not finish is not an answer", () => {
    assert.throws(() => readCheck("missing sh"), RangeError);
  });
});

describe("the sentence of an image's faults", () => {
  const opening = "the image kms:1 can't be run as kms by the user 65532:65532: ";
  const closing = "; what an image must have is in docs/images.md";
  const cases: [faults: string[], middle: string][] = [
    [["missing tar"], "it lacks tar"],
    [
      ["missing tar", "missing bash", "missing curl|wget|python3"],
      "it lacks tar, bash and one of curl, wget or python3",
    ],
    [
      ["start python3", "unreadable /srv/a.py", "folder /config.yaml"],
      "python3, with which it starts, is not there or can't be executed; " +
        "/srv/a.py, which it starts with, can't be read by that user; " +
        "/config.yaml is a folder, but a file is mounted there",
    ],
  ];
  for (const [faults, middle] of cases) {
    it(`has all of them: ${faults.join(", ")}`, () => {
      assert.equal(faultSentence("kms:1", needs, faults), `${opening}${middle}${closing}`);
    });
  }

  it("tells an image without a shell, or for another processor, and no other failure", () => {
    const sentence = (words: string) => startSentence("kms:1", needs, words);
    assert.equal(
      sentence('exec: "sh": executable file not found in $PATH: unknown.'),
      `${opening}it has no shell (sh)${closing}`,
    );
    assert.equal(
      sentence("standard_init_linux.go:228: exec user process caused: exec format error"),
      `${opening}it is made for another processor than the engine's${closing}`,
    );
    assert.equal(sentence("Error response from daemon: no space left on device"), undefined);
  });
});

describe("docs/images.md", () => {
  it("names every program that an image needs", () => {
    const page = readFileSync(join(projectRoot, "docs", "images.md"), "utf8");
    const all = [
      serviceNeeds("kms", "1:1"),
      databaseNeeds("kms-db", "1:1"),
      proxyNeeds("1:1"),
      kapowNeeds("1:1"),
      acmeNeeds("1:1"),
    ];
    for (const name of all.flatMap(({ programs }) => programs.flat())) {
      assert.ok(page.includes(`\`${name.replace("GNU ", "")}\``), name);
    }
  });
});
