import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { withoutDebugMessages, writesDebugMessages } from "../../stack/debugMessages.ts";

const debug =
  '{"sequence":3,"timestamp":1,"diagnosticEvent":{"message":"resp: s3cret","color":"raw","severity":"debug"}}\n';
const warning =
  '{"sequence":4,"timestamp":1,"diagnosticEvent":{"message":"debug","color":"raw","severity":"warning"}}\n';
const resource = '{"sequence":5,"timestamp":1,"resourcePreEvent":{"metadata":{"op":"same"}}}\n';

describe("Pulumi's JSON events", () => {
  const filtered = (output: string, size: number) => {
    const filter = withoutDebugMessages();
    const bytes = Buffer.from(output);
    for (let at = 0; at < bytes.length; at += size) {
      filter.write(bytes.subarray(at, at + size));
    }
    filter.end();
    return text(filter);
  };

  it("lose their debug messages and nothing else, however they come", async () => {
    const kept = `${warning}${resource}{\n  "ä": "diagnosticEvent"\n}\n\n{"diagnosticEvent" cut off\n`;
    for (const size of [1, 7, 64, 4096]) {
      assert.equal(await filtered(`${debug}${kept}${debug}end`, size), `${kept}end`, `${size}`);
    }
    assert.equal(await filtered(`${resource}${debug.trimEnd()}`, 5), resource);
    assert.equal(await filtered("", 1), "");
  });

  it("are filtered if nobody asked for debug messages", () => {
    for (const args of [
      ["up", "--json"],
      ["preview", "--json=true", "--diff"],
      ["stack", "output", "--json"],
    ]) {
      assert.equal(writesDebugMessages(args), true, args.join(" "));
    }
    for (const args of [
      ["up"],
      ["up", "--json", "--debug"],
      ["up", "-d", "--json"],
      ["config", "set", "json"],
    ]) {
      assert.equal(writesDebugMessages(args), false, args.join(" "));
    }
  });
});
