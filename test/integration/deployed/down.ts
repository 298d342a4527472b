import assert from "node:assert/strict";
import { it } from "node:test";
import { docker } from "../project.ts";
import type { Deployed } from "./deployed.ts";

export function down(the: () => Deployed): void {
  it("removes all of the stack, and nothing else", async () => {
    const { stack } = the().project;
    const images = [...new Set(Object.values(the().containers()).map(({ Image }) => Image))];
    // Somebody else's, with names and labels that are nearly ours.
    const other = `cybexp-${stack}x-kms`;
    const label = ["--label", `cybexp.stack=${stack}x`, "--label", "cybexp.role=kms"];
    const inspect = (kind: string, format: string) =>
      docker(kind, "inspect", "--format", format, other);
    const others = () => [
      inspect("network", "{{.Id}}"),
      inspect("volume", "{{.CreatedAt}}"),
      inspect("container", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}"),
    ];
    try {
      docker("network", "create", ...label, other);
      docker("volume", "create", ...label, other);
      docker(
        ...["run", "-d", "--name", other, ...label, "--network", other, "--volume", `${other}:/x`],
        ...["--entrypoint", "sleep", the().containers().kms.Image, "300"],
      );
      const before = others();

      const result = await the().npm("down");
      assert.equal(result.code, 0, result.output);
      assert.match(result.output, new RegExp(`^${stack} is removed\\.$`, "m"));
      assert.deepEqual(the().project.leftovers(), []);
      assert.deepEqual(others(), before);
      assert.equal(docker("image", "inspect", "--format", "{{.Id}}", ...images), images.join("\n"));
    } finally {
      docker("rm", "-f", other);
      docker("network", "rm", other);
      docker("volume", "rm", other);
    }
  });

  it("finds nothing to remove the second time", async () => {
    const { code, output } = await the().npm("down");
    assert.equal(code, 0, output);
    assert.match(output, /^Nothing to remove: it-[0-9a-f]{6} is not deployed\.$/m);
  });
}
