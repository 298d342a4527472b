/**
 * Plays pull requests: a repository whose main branch is this project, and branches that change it.
 * What `npm run pull-request` would write as a comment is asserted to the letter.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, Project } from "../integration/project.ts";

describe("a pull request", () => {
  let made: Project | undefined;
  const the = () => {
    assert.ok(made);
    return made;
  };
  const path = (file: string) => join(the().dir, file);
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: the().dir,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const replace = (file: string, from: string, to: string) => {
    const text = readFileSync(path(file), "utf8");
    assert.ok(text.includes(from), `${file} has ${from}`);
    writeFileSync(path(file), text.replace(from, to));
  };
  const commit = (message: string) =>
    git("-c", "user.name=test", "-c", "user.email=test@example.edu", "commit", "-qam", message);

  /** Makes a branch with a change, and gives the comment and the exit code. */
  async function preview(branch: string, change: () => void, stacks = "dev") {
    git("checkout", "-q", "main");
    git("checkout", "-q", "-b", branch);
    change();
    commit(branch);
    const { code, output } = await the().npm("pull-request", ...argsFor(stacks));
    const comment = readFileSync(path("comment.md"), "utf8");
    assert.equal(statSync(path("comment.md")).mode & 0o777, 0o600);
    assert.equal(git("status", "--porcelain", "--untracked-files=no"), "");
    return { code, output, comment: comment.replaceAll(/ at [0-9a-f]{7},/g, " at COMMIT,") };
  }
  const argsFor = (stacks: string) => [
    ...["--base", "main", "--stacks", stacks],
    ...["--comment", "comment.md"],
  ];

  before(async () => {
    made = await Project.create();
    git("init", "-q", "-b", "main");
    git("add", "-A");
    commit("the project");
  });
  after(async () => {
    await made?.remove();
  });

  const leftovers = () => [
    ...docker("ps", "-a", "--format", "{{.Names}}").split("\n"),
    ...docker("network", "ls", "--format", "{{.Name}}").split("\n"),
    ...docker("volume", "ls", "--format", "{{.Name}}").split("\n"),
  ];
  const nothingIsLeft = () => {
    assert.deepEqual(
      leftovers().filter((name) => name.includes("rehearsal-dev")),
      [],
    );
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith("cybexp-pull-request-")),
      [],
    );
  };

  it("that opens a port to the world has this first in its comment", async () => {
    const { code, output, comment } = await preview("open", () => {
      replace(
        "components/httpService.ts",
        "[{ ...args.bind, internal: port }]",
        '[{ ...args.bind, address: "0.0.0.0", internal: port }]',
      );
    });
    assert.equal(comment, OPENED, output);
    // The policy pack stops it.
    assert.equal(code, 1);
    nothingIsLeft();
  });

  it("that rotates a password says so, and changes nothing else", async () => {
    const { code, output, comment } = await preview("rotate", () => {
      replace("Pulumi.dev.yaml", "- name: analyst", "- name: analyst\n      generation: 2");
    });
    assert.equal(comment, ROTATED, output);
    assert.equal(code, 0);
    nothingIsLeft();
  });

  it("that removes a user says who loses access", async () => {
    const { code, output, comment } = await preview("remove", () => {
      replace("Pulumi.dev.yaml", "    - name: analyst\n      attributes: [default]\n", "");
    });
    assert.equal(comment, REMOVED, output);
    assert.equal(code, 0);
    nothingIsLeft();
  });

  it("with a mistake in its settings reports the mistake, and deploys nothing", async () => {
    const { code, output, comment } = await preview("mistake", () => {
      replace("Pulumi.dev.yaml", "bind: 127.0.0.1:5012", "bind: 0.0.0.0:5012");
    });
    assert.equal(comment, MISTAKEN, output);
    assert.equal(code, 1);
    assert.ok(!output.includes("Deploying"), output);
  });

  it("with a new and a removed environment says so, and deploys nothing", async () => {
    const { code, output, comment } = await preview(
      "environments",
      () => git("mv", "Pulumi.dev.yaml", "Pulumi.new.yaml"),
      "dev,new",
    );
    const text = comment.replace(/^## new: \d+ created$/m, "## new: MANY created");
    assert.equal(text.slice(0, RENAMED.length), RENAMED);
    assert.equal(code, 0, output);
    assert.ok(!output.includes("Deploying"), output);
  });

  it("that is interrupted leaves nothing behind", async () => {
    const run = the().start("pull-request", ...argsFor("dev"));
    git("checkout", "-q", "main");
    const ended = the().end(run);
    const deployed = () => leftovers().some((name) => name.includes("rehearsal-dev"));
    for (let waited = 0; waited < 60 && !deployed(); waited += 0.25) {
      await sleep(250);
    }
    assert.ok(deployed());
    process.kill(-(run.pid ?? 0), "SIGINT");
    const { code, output } = await ended;
    assert.notEqual(code, 0, output);
    assert.ok(output.endsWith("interrupted\n"), output);
    nothingIsLeft();
  });
});

const OPENED = `<!-- cybexp-preview -->
## dev: breaks a rule

Compared with main at COMMIT, rehearsed with throw-away secrets.

**Breaks a rule**

- loopback-ports (backend): it publishes its port 5000 to the network, at 0.0.0.0 port 5011: set ip to 127.0.0.1 or ::1, or publish it through the proxy
- loopback-ports (kms): it publishes its port 5000 to the network, at 0.0.0.0 port 5012: set ip to 127.0.0.1 or ::1, or publish it through the proxy

**Becomes reachable**

- The Backend at 0.0.0.0:5011: from EVERY network of the Docker host
- The KMS at 0.0.0.0:5012: from EVERY network of the Docker host

**Restarts**

- The Backend is replaced (its published ports): a stand-in serves meanwhile, no request is lost
- The KMS is replaced (its published ports): a stand-in serves meanwhile, no request is lost

**No longer reachable**

- The Backend at 127.0.0.1:5011
- The KMS at 127.0.0.1:5012

**What changes**

- KMS: replaces container kms; updates programs kms-handback, kms-handover, kms-limits
- KMS's accounts: updates program kms-accounts
- Backend: replaces container backend; updates programs backend-handback, backend-handover, backend-limits
- Checks: updates programs kms-key-files, smoke

<details><summary>Diff: 2 replaced, 9 updated</summary>

\`\`\`diff
! container backend REPLACED
    labels[2].value: another "(id)"
    ports: [127.0.0.1:5011 -> 5000] => [0.0.0.0:5011 -> 5000]
! container kms REPLACED
    labels[2].value: another "(id)"
    ports: [127.0.0.1:5012 -> 5000] => [0.0.0.0:5012 -> 5000]
! program backend-handback updated
    environment.CONTAINER: "(id)" => (known after the update)
    environment.SIGNATURE: another "(id)"
! program backend-handover updated
    environment.SIGNATURE: another "(id)"
    stdin signature: another "(id)"
! program backend-limits updated
    stdin: "{\\"container\\":\\"(id)\\",\\"pidsLimit\\":1984}" => (known after the update)
! program kms-handback updated
    environment.CONTAINER: "(id)" => (known after the update)
    environment.SIGNATURE: another "(id)"
! program kms-handover updated
    environment.SIGNATURE: another "(id)"
    stdin signature: another "(id)"
! program kms-limits updated
    stdin: "{\\"container\\":\\"(id)\\",\\"pidsLimit\\":1984}" => (known after the update)
! program kms-accounts updated
    stdin: [secret] => (known after the update)
! program kms-key-files updated
    environment.KMS: "(id)" => (known after the update)
! program smoke updated
    environment.BACKEND: "(id)" => (known after the update)
    environment.KMS: "(id)" => (known after the update)
\`\`\`

</details>
`;

const ROTATED = `<!-- cybexp-preview -->
## dev: 1 created, 3 updated

Compared with main at COMMIT, rehearsed with throw-away secrets.

**Is rotated**

- User analyst: gets password 2; password 1 stays valid until retired

**What changes**

- Proxy: updates program proxy-release-delivery
- Users: creates password user-analyst-2
- Checks: updates programs rotation-guard, smoke

**Notes**

- the previous password of analyst (generation 1) is still valid: to retire it, set retired: 1 for that user

<details><summary>Diff: 1 created, 3 updated</summary>

\`\`\`diff
+ password user-analyst-2 created
! program rotation-guard updated
    stdin numbers user analyst: 1 => 2
! program smoke updated
    environment.RELEASE: "(id)" => (known after the update)
    environment.ROTATION user analyst: 1 => 2
    stdin: [secret] => (known after the update)
! program proxy-release-delivery updated
    environment.RELEASE: "(id)" => (known after the update)
    stdin: [secret] => (known after the update)
\`\`\`

</details>
`;

const REMOVED = `<!-- cybexp-preview -->
## dev: 3 removed, 4 updated

Compared with main at COMMIT, rehearsed with throw-away secrets.

**Loses access**

- User analyst: removed from the list: refused at the KMS and the Backend

**Stays in the KMS**

- The KMS's account analyst stays, because the KMS can't delete one: its token stays good until cybexp:rotation.kmsJwtKey is raised, and the proxy lets nobody in who isn't in cybexp:users or cybexp:clients

**What changes**

- KMS's accounts: removes password kms-account-analyst; updates program kms-accounts
- Proxy: updates program proxy-release-delivery
- Users: removes password user-analyst-1 and random value user-analyst-salt
- Checks: updates programs rotation-guard, smoke

<details><summary>Diff: 3 removed, 4 updated</summary>

\`\`\`diff
- password kms-account-analyst removed
- password user-analyst-1 removed
- random value user-analyst-salt removed
! program kms-accounts updated
    environment.ACCOUNTS users analyst: ["DEFAULT"] => (none)
    stdin: another [secret]
! program rotation-guard updated
    stdin numbers user analyst: 1 => (none)
! program smoke updated
    environment.RELEASE: another "(id)"
    environment.ROTATION user analyst: 1 => (none)
! program proxy-release-delivery updated
    environment.RELEASE: another "(id)"
    stdin: another [secret]
\`\`\`

</details>
`;

const RENAMED = `<!-- cybexp-preview -->
## dev: removed

Compared with main at COMMIT, rehearsed with throw-away secrets.

Pulumi.dev.yaml is removed. If it is deployed, remove it before this is merged (STACK=dev npm run down); otherwise it stays deployed.

## new: MANY created

Compared with main at COMMIT, rehearsed with throw-away secrets.

new is a new environment: everything is created.

**Becomes reachable**

- The Backend at 127.0.0.1:5011: from the Docker host only
- The KMS at 127.0.0.1:5012: from the Docker host only
- The proxy at 127.0.0.1:5002: from the Docker host only
- The proxy at 127.0.0.1:5001: from the Docker host only

**Gains access**

- 2 users and 0 clients
- The KMS gets an administrator administrator, unless it has one of that name
- The KMS gets an account analyst with the attributes DEFAULT

**What changes**

`;

const MISTAKEN = `<!-- cybexp-preview -->
## dev: fails

Compared with main at COMMIT, rehearsed with throw-away secrets.

**Fails:**

\`\`\`
The configuration of stack "dev" has 1 problem. Nothing was changed.

cybexp:kms.bind = "0.0.0.0:5012"
  This means every address of the machine, so the service would be open to the network. Allowed: an IP address in 127.0.0.0/8, or ::1, with a port.
  Write, for example, 127.0.0.1:5012 or [::1]:5012.
\`\`\`
`;
