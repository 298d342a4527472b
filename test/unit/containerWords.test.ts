/** What a container that does not run, or is not well, is said to have. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exitMeaning, exitWords } from "../../programs/docker/exitCodes.ts";
import { healthWords } from "../../programs/docker/healthWords.ts";

describe("an exit code in words", () => {
  const cases: [code: number, words: RegExp][] = [
    [126, /can't be executed/],
    [127, /is not in the image/],
    [132, /AVX/],
    [134, /SIGABRT/],
    [135, /SIGBUS/],
    [137, /killed .* exceeded its memory limit/],
    [139, /crashed/],
    [143, /told to stop/],
    [159, /system call that the engine forbids/],
    [130, /^it was ended by SIGINT$/],
  ];
  for (const [code, words] of cases) {
    it(`${code} is explained`, () => assert.match(exitMeaning(code) ?? "", words));
  }

  it("is only the number if it is the program's own", () => {
    for (const code of [0, 1, 2, 14, 62, 100, 128, 255]) {
      assert.equal(exitMeaning(code), undefined);
      assert.equal(exitWords(code), `exit code ${code}`);
    }
    assert.equal(exitWords(139), "exit code 139: it crashed (SIGSEGV)");
  });
});

describe("what a health check says", () => {
  const cases: [what: string, output: string, words: string | undefined][] = [
    ["nothing", " \n", undefined],
    [
      "a program that is not in the image, by docker exec",
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "wget": executable file not found in $PATH: unknown',
      "the image has no `wget`, which the health check runs",
    ],
    [
      "the same in the engine's own record",
      'OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: exec: \\"wget\\": executable file not found in $PATH: unknown',
      "the image has no `wget`, which the health check runs",
    ],
    [
      "a path that is not there",
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "/opt/check": stat /opt/check: no such file or directory: unknown',
      "the image has no `/opt/check`, which the health check runs",
    ],
    ["no answer in time", "Health check exceeded timeout (5s)", "no answer within 5 s"],
    ["the same with words", "Health check exceeded timeout (5s): so far", "no answer within 5 s"],
    [
      "curl, whose advice comes second",
      "curl: (35) error: sslv3 alert\nMore details here: https://curl.se/docs/sslcerts.html\n",
      "curl: (35) error: sslv3 alert",
    ],
    [
      "Python, whose cause comes last",
      'Traceback (most recent call last):\n  File "<string>", line 2, in <module>\nConnectionRefusedError: [Errno 111] Connection refused\n',
      "ConnectionRefusedError: [Errno 111] Connection refused",
    ],
    [
      "a secret",
      `cannot reach mongodb://user:pass@db:27017 with ${"k".repeat(40)}\n`,
      "cannot reach mongodb://(not shown)@db:27017 with (not shown)",
    ],
  ];
  for (const [what, output, words] of cases) {
    it(`tells ${what}`, () => assert.equal(healthWords(output), words));
  }
});
