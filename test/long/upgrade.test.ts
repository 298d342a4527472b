/** A stack that an earlier version deployed, under this one: what the changelog names, and nothing else. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { nameIn, typeIn } from "../../names/resources.ts";
import { COMMAND, CONTAINER } from "../../names/types.ts";
import { Deployed } from "../integration/deployed/deployed.ts";
import { checkStack } from "../integration/deployed/checkStack.ts";
import { Project } from "../integration/project.ts";

/** The commit before the programs moved to programs/. */
const BEFORE = "0ca3cd5";

interface Step {
  readonly op: string;
  readonly urn: string;
}

describe(`a stack that commit ${BEFORE} deployed`, () => {
  let deployed: Deployed;
  before(async () => {
    deployed = new Deployed(await Project.create());
    deployed.project.useCode(BEFORE);
    await deployed.up();
    deployed.project.useCode();
  });
  after(() => deployed.project.remove());

  // The engine is asked for its size anew, so a preview does not know the containers' limits, and tells of
  // them as replaced: see CHANGELOG.md. What `up` does is in the next test.
  it("has two programs made, nothing removed, and of what is changed in place only programs", async () => {
    const { code, stdout, output } = await deployed.project.pulumi("preview", "--json");
    assert.equal(code, 0, output);
    const { steps } = JSON.parse(stdout) as { steps: Step[] };
    const changed = steps.filter(({ op }) => op !== "same");
    const made = changed.filter(({ op }) => op === "create").map(({ urn }) => nameIn(urn));
    assert.deepEqual(made.sort(), [
      "backend-db-start",
      "kms-db-start",
      "proxy-certificates",
      "proxy-certificates",
    ]);
    const others = changed
      .filter(({ op }) => op !== "create")
      .map(({ op, urn }) => `${op} ${typeIn(urn)}`);
    assert.deepEqual([...new Set(others)].sort(), [`replace ${CONTAINER}`, `update ${COMMAND}`]);
  });

  it("is taken over by `up`, with another container of the proxy alone, and serves", async () => {
    await deployed.load();
    const ids = () =>
      Object.entries(deployed.containers())
        .filter(([role]) => role !== "proxy")
        .map(([, { Id }]) => Id);
    const were = ids();
    const result = await deployed.npm("up");
    assert.equal(result.code, 0, result.output);
    await deployed.load();
    assert.deepEqual(ids(), were);
    await checkStack(deployed);
  });
});

/** The last commit whose deployment was no component. */
const WITHOUT_COMPONENT = "806af88";

describe(`a stack that commit ${WITHOUT_COMPONENT} deployed`, () => {
  let deployed: Deployed;
  before(async () => {
    deployed = new Deployed(await Project.create());
    deployed.project.useCode(WITHOUT_COMPONENT);
    await deployed.up();
    deployed.project.useCode();
  });
  after(() => deployed.project.remove());

  const state = async () => {
    const { code, stdout, output } = await deployed.project.pulumi("stack", "export");
    assert.equal(code, 0, output);
    const { resources } = (
      JSON.parse(stdout) as { deployment: { resources: (Step & { id?: string; type: string })[] } }
    ).deployment;
    return resources
      .filter(({ type, id }) => id !== undefined && type !== COMMAND && !/^pulumi:/.test(type))
      .map(({ type, urn, id }) => `${type} ${nameIn(urn)} ${id}`)
      .sort();
  };

  it("has components made and programs run again, and nothing else", async () => {
    const { code, stdout, output } = await deployed.project.pulumi("preview", "--json");
    assert.equal(code, 0, output);
    const { steps } = JSON.parse(stdout) as { steps: Step[] };
    const changed = steps.filter(({ op }) => op !== "same");
    const kinds = changed.map(({ op, urn }) =>
      op === "create" ? `create ${typeIn(urn)} ${nameIn(urn)}` : `${op} ${typeIn(urn)}`,
    );
    assert.deepEqual([...new Set(kinds)].sort(), [
      "create cybexp:index:Deployment deployment",
      `update ${COMMAND}`,
    ]);
  });

  it("keeps everything that it has, and serves", async () => {
    const before = await state();
    const result = await deployed.npm("up");
    assert.equal(result.code, 0, result.output);
    assert.deepEqual(await state(), before);
    await deployed.load();
    await checkStack(deployed);
  });
});
