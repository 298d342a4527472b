/** Which findings of the policies a rehearsal leaves out: those about an image that is only a substitute. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withoutSubstitutes } from "../../cli/pull-request/baseDeployment.ts";
import { substituteFor } from "../../cli/pull-request/substituteImages.ts";

const missing = [{ key: "kms", reference: "registry.example.edu/kms:1" }];
const [part] = missing;
const image = part ? substituteFor(part) : "";

const finding = (policyName: string, message: string, resourceUrn = "urn:pulumi:dev::p::t::kms") =>
  JSON.stringify({ policyEvent: { policyName, message, resourceUrn } });

describe("the findings of a rehearsal", () => {
  it("leave out that a substitute is pulled by tag", () => {
    const told = finding("pinned-image", `Containers run ...\n${image} is pulled by tag: name it`);
    assert.equal(withoutSubstitutes(`{"a":1}\n${told}\n{"b":2}`, missing), '{"a":1}\n{"b":2}');
  });

  for (const [what, line] of [
    [
      "another rule's about a resource that is called like a substitute",
      finding("no-docker-socket", "it mounts the socket", `urn:pulumi:dev::p::t::${image}`),
    ],
    ["another rule's that names a substitute", finding("health-check", `${image} has none`)],
    [
      "the same rule's about an image of the program's own",
      finding("pinned-image", "cybexp-rehearsal/other:1 is pulled by tag: name it"),
    ],
    ["no finding at all", JSON.stringify({ diagnosticEvent: { message: `policyEvent ${image}` } })],
  ] as const) {
    it(`keep ${what}`, () => {
      assert.equal(withoutSubstitutes(line, missing), line);
    });
  }
});
