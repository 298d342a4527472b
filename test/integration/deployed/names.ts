import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "../../../programs/smoke/probe.ts";
import { type Deployed, ROLES, run } from "./deployed.ts";

export function names(the: () => Deployed): void {
  /** The status that a caller of that host gets, by verified TLS; why there is none where there is none. */
  const by = async (host: string): Promise<number | string> => {
    const url = `https://${host}:${the().project.ports.kms}/`;
    const question = { url, ca: the().outputs.serverCa, credential: the().user("analyst") };
    return ask(question).then(
      ({ status }) => status,
      (error: Error) => error.message,
    );
  };
  const up = async (serverNames: string[]) => {
    the().project.configure((config) => {
      Object.assign(config["cybexp:proxy"] as object, { serverNames });
    });
    const result = await the().npm("up");
    assert.equal(result.code, 0, result.output);
    await the().load();
    return result;
  };

  it("come and go without a lost request or another container", async () => {
    const containers = () => ROLES.map((role) => run(the().containers()[role]));
    const before = containers();
    const config = the().project.readConfig();
    const answers = new Map<number | string, number>();
    let calling = true;
    const caller = (async () => {
      while (calling) {
        const answer = await by("localhost");
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        await sleep(50);
      }
    })();
    try {
      // Without a name in the handshake: an address is none.
      assert.match(String(await by("127.0.0.1")), /^TLS: 127\.0\.0\.1:\d+ /);
      await up(["127.0.0.1", "*.apps.example.edu"]);
      assert.equal(await by("127.0.0.1"), 200);
      const preview = await the().npm("preview", "--expect-no-changes");
      assert.equal(preview.code, 0, preview.output);
      await up([]);
      assert.match(String(await by("127.0.0.1")), /^TLS: 127\.0\.0\.1:\d+ /);
    } finally {
      calling = false;
      await caller;
      the().project.writeConfig(config);
    }
    assert.deepEqual([...answers.keys()], [200]);
    assert.ok((answers.get(200) ?? 0) > 50, `${answers.get(200)} requests`);
    assert.deepEqual(containers(), before);
  });
}
