import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renderComment } from "../../cli/preview/comment.ts";
import { readEvents } from "../../cli/preview/events.ts";
import { THROWN_AWAY } from "../../cli/preview/losses.ts";
import { failedSummary, summarize } from "../../cli/preview/summary.ts";
import { renderTerminal } from "../../cli/preview/terminal.ts";
import { declaredLosses } from "../../cli/pull-request/losses.ts";
import { COMMAND, diagnostic, event, PASSWORD } from "./previewEvents.ts";

const DATA_VOLUME = "cybexp:index:Kms$cybexp:docker:DataVolume$docker:index/volume:Volume";

const volume = (op: string, part = "kms-secrets", next?: string) =>
  event({
    op,
    type: DATA_VOLUME,
    name: part,
    old: {
      name: `cybexp-prod-${part}`,
      labels: [{ label: "cybexp.role", value: part }],
    },
    ...(next !== undefined && { next: { name: next }, detailed: ["name"] }),
  });

const summaryOf = (lines: readonly string[], losses: readonly string[] = []) =>
  summarize({
    environment: "prod",
    failed: false,
    previewed: readEvents(lines.join("\n")),
    losses,
  });

const lost = (...lines: string[]) =>
  summaryOf(lines).sections.find(({ title }) => title === "This loses data")?.items;

describe("what a preview says is lost", () => {
  it("is nothing if volumes stay, are created, or have no data", () => {
    assert.equal(lost(volume("same"), volume("create")), undefined);
    const release = DATA_VOLUME.replace("DataVolume", "Release");
    assert.equal(lost(event({ op: "delete", type: release, name: "kms-config" })), undefined);
  });

  it("is a volume that is removed", () => {
    assert.deepEqual(lost(volume("delete", "backend-db-data")), [
      "The volume cybexp-prod-backend-db-data with the Backend's records is removed. Every stored record is gone.",
    ]);
  });

  it("is a volume that is replaced", () => {
    assert.deepEqual(lost(volume("replace", "kms-db-data", "cybexp-new-kms-db-data")), [
      "The volume cybexp-prod-kms-db-data with the KMS's accounts is replaced by an empty one, cybexp-new-kms-db-data. Every account and its attributes are gone, and every token is refused.",
    ]);
  });

  it("is not a watched volume: the next one was found to have its data", () => {
    const watch = (op: string) =>
      event({
        op,
        type: `cybexp:index:KeptVolumes$${COMMAND}`,
        name: "kept-kms-db-data",
      });
    const moved = volume("replace", "kms-db-data", "cybexp-new-kms-db-data");
    assert.equal(lost(moved, watch("same")), undefined);
    assert.equal(lost(moved, watch("delete"))?.length, 1);
  });

  it("is a volume that the stack no longer manages", () => {
    assert.deepEqual(lost(volume("discard")), [
      "The volume cybexp-prod-kms-secrets with the KMS's keys leaves the stack: it stays in Docker, but `up` no longer manages it",
    ]);
  });

  it("is what Pulumi refuses to remove, too", () => {
    const refused = `unable to delete resource "urn:pulumi:prod::cybexp::${DATA_VOLUME}::kms-secrets"\nas it is currently marked for protection. To unprotect the resource, remove the \`protect\` flag`;
    assert.deepEqual(lost(diagnostic("error", refused)), [
      "The volume kms-secrets with the KMS's keys would be removed, but is protected: nothing will be done",
    ]);
  });

  it("comes first, on the terminal and in the comment", () => {
    const summary = {
      ...summaryOf([event({ op: "update", type: PASSWORD, name: "x" })], ["the keys are given up"]),
      remarks: ["A remark."],
    };
    assert.match(
      renderTerminal(summary),
      /^prod: LOSES DATA; 1 updated\n {2}This loses data\n {4}- The keys are given up\n {2}A remark\.\n/,
    );
    assert.match(
      renderComment([summary]),
      /^<!-- cybexp-preview -->\n## prod: LOSES DATA; 1 updated\n\n\*\*This loses data\*\*\n\n- The keys are given up\n\nA remark\.\n/,
    );
  });

  it("is reported even if the preview could not begin", () => {
    const text = renderTerminal(failedSummary("prod", "no", [], ["the volume is gone"]));
    assert.equal(
      text,
      "prod: LOSES DATA; fails\n  This loses data\n    - The volume is gone\nerror: no\n",
    );
  });
});

describe("what a pull request says is lost", () => {
  const file = (lost: string, throwaway: boolean) =>
    `config:\n  cybexp:lost: [${lost}]\n  cybexp:throwaway: ${throwaway}\n`;

  it("is what the stack's file newly gives up", () => {
    const [a, b] = ["kms-secrets@3f2a9c10b7d4", "backend-db-data@aaaaaaaaaaaa"];
    assert.deepEqual(declaredLosses(file(a, false), file(a, false)), []);
    assert.deepEqual(declaredLosses("config: {}", "config: {}"), []);
    assert.deepEqual(declaredLosses(file(a, true), file(`${a}, ${b}`, true)), [
      `the Backend's records will be given up if their volume is gone (cybexp:lost has ${b}). Every stored record is gone.`,
    ]);
  });

  it("is everything in a stack that becomes a throw-away one", () => {
    assert.deepEqual(declaredLosses(file("", false), file("", true)), [THROWN_AWAY]);
    assert.deepEqual(declaredLosses(file("", true), file("", false)), []);
  });
});
