/** The GitLab example: what it calls is there, and its note is one, edited in place. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json, text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";

interface Job {
  readonly stage?: string;
  readonly script?: readonly string[];
  readonly extends?: string | readonly string[];
  readonly interruptible?: boolean;
  readonly resource_group?: string;
}

const folder = join(projectRoot, "examples", "ci");
const pipeline = parse(readFileSync(join(folder, "gitlab-ci.yml"), "utf8")) as Record<string, Job>;
const jobs = Object.entries(pipeline).filter(([, { stage }]) => stage !== undefined);

describe("the GitLab example", () => {
  it("has the stages of the GitHub workflows", () => {
    assert.deepEqual(
      jobs.map(([name, { stage }]) => [name, stage]),
      ["check", "preview", "comment", "deploy", "drift"].map((name) => [name, name]),
    );
  });

  it("calls only commands and files that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const lines = jobs.flatMap(([, { script = [] }]) => script);
    const commands = lines.flatMap((line) => /npm run ([\w:-]+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(
      commands.filter((name) => scripts[name] === undefined),
      [],
    );
    assert.equal(commands.length, 5);
    const files = lines.flatMap((line) => /(?:\.github|examples)\/[\w./-]+/.exec(line)?.[0] ?? []);
    assert.deepEqual(
      files.filter((file) => !existsSync(join(projectRoot, file))),
      [],
    );
    assert.equal(files.length, 3);
    for (const [name, job] of Object.entries(pipeline)) {
      for (const parent of [job.extends ?? []].flat()) {
        assert.ok(pipeline[parent], `${name} extends ${parent}`);
      }
    }
  });

  it("deploys to an environment one run at a time, which no newer one interrupts", () => {
    assert.equal(pipeline["deploy"]?.resource_group, "$ENVIRONMENT");
    assert.equal(pipeline[".on-environment"]?.interruptible, false);
  });

  it("writes one note, and leaves other people's alone", async () => {
    const us = 42;
    const notes = [{ id: 1, body: "<!-- cybexp-preview -->", author: { id: 7 } }];
    const server = createServer((request, response) => {
      void (async () => {
        const { method = "", url = "", headers } = request;
        const reply = (answer: unknown) => response.end(JSON.stringify(answer));
        if (headers["private-token"] !== "the-token") {
          return response.writeHead(401).end("{}");
        }
        const path = url.replace(/\?.*/, "");
        if (method === "GET") {
          return reply(path === "/user" ? { id: us } : notes);
        }
        const { body } = (await json(request)) as { body: string };
        const [, id] = /^\/projects\/3\/merge_requests\/5\/notes(?:\/(\d+))?$/.exec(path) ?? [];
        const found = notes.find((note) => note.id === Number(id));
        return reply(
          found
            ? Object.assign(found, { body })
            : notes.push({ id: notes.length + 1, body, author: { id: us } }),
        );
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const temp = mkdtempSync(join(tmpdir(), "cybexp-note-"));
    const file = join(temp, "comment.md");
    const post = async (token = "the-token") => {
      const child = spawn(process.execPath, [join(folder, "gitlab-note.mjs"), file], {
        env: {
          CI_API_V4_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          CI_PROJECT_ID: "3",
          CI_MERGE_REQUEST_IID: "5",
          COMMENT_TOKEN: token,
        },
        stdio: ["ignore", "ignore", "pipe"],
      });
      const ended = new Promise<number>((done) => child.on("close", (code) => done(code ?? -1)));
      const stderr = await text(child.stderr);
      return [await ended, stderr];
    };
    const bodies = () => notes.map(({ body }) => body);
    try {
      assert.deepEqual(await post("another"), [1, "error: GitLab answered 401 to GET user\n"]);
      for (const content of ["first", "<!-- cybexp-preview -->\nsecond\n"]) {
        writeFileSync(file, content);
        assert.deepEqual(await post(), [0, ""]);
      }
      assert.deepEqual(bodies(), ["<!-- cybexp-preview -->", "<!-- cybexp-preview -->\n\nsecond"]);
      rmSync(file);
      assert.deepEqual(await post(), [0, ""]);
      assert.match(bodies()[1] ?? "", /The preview failed before it had a summary/);
    } finally {
      server.close();
      rmSync(temp, { recursive: true });
    }
  });
});
