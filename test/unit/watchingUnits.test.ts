/** The unit that copies the proxy's log to where other programs read it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { Units } from "./units.ts";

const FILE = "/var/log/cybexp/proxy.log";
const units = new Units("watching/log");
const UNIT = "cybexp-proxy-log.service";
const METRICS = "cybexp-request-metrics.service";

const example = (name: string) =>
  readFileSync(join(projectRoot, "examples", "watching", name), "utf8");

describe("the unit that copies the proxy's log", () => {
  it("is valid for systemd, where there is one", () => {
    assert.deepEqual(units.names, [UNIT, METRICS]);
    units.assertValid();
  });

  it("follows the container, and goes on with the next one", () => {
    assert.equal(
      units.valueOf(UNIT, "ExecStart"),
      "/usr/bin/env docker logs --follow --since=10s ${CONTAINER}",
    );
    assert.equal(units.valueOf(UNIT, "Restart"), "always");
    assert.equal(units.valueOf(UNIT, "StartLimitIntervalSec"), "0");
    assert.equal(units.valueOf(UNIT, "StandardOutput"), `append:${FILE}`);
  });

  it("has one beside it that counts, and listens on loopback alone", () => {
    assert.equal(
      units.valueOf(METRICS, "ExecStart"),
      `/usr/bin/env mtail --progs /etc/mtail --logs ${FILE} --address 127.0.0.1 --port 9114 --emit_prog_label=false --logtostderr`,
    );
    // So that it can read what the other one writes.
    assert.equal(units.valueOf(UNIT, "Group"), units.valueOf(METRICS, "SupplementaryGroups"));
  });

  it("writes the file that the other examples read", () => {
    assert.match(example("fail2ban/jail.d/cybexp.conf"), new RegExp(`^logpath = ${FILE}$`, "m"));
    assert.match(example("logrotate.d/cybexp-proxy-log"), new RegExp(`^${FILE} \\{$`, "m"));
    assert.deepEqual(
      (parse(example("crowdsec/acquis.d/cybexp.yaml")) as { filenames: string[] }).filenames,
      [FILE],
    );
  });
});
