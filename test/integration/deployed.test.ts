/**
 * One stack of the tests' own, deployed as a user would, looked at from every side, changed in every
 * way, and removed. The tests depend on their order.
 */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { badInput } from "./deployed/badInput.ts";
import { certificates } from "./deployed/certificates.ts";
import { cis } from "./deployed/cis.ts";
import { Deployed } from "./deployed/deployed.ts";
import { down } from "./deployed/down.ts";
import { drift } from "./deployed/drift.ts";
import { firstUp } from "./deployed/firstUp.ts";
import { listeners } from "./deployed/listeners.ts";
import { load } from "./deployed/load.ts";
import { hardening } from "./deployed/hardening.ts";
import { bodies, passwords, tls, tokens } from "./deployed/http.ts";
import { names } from "./deployed/names.ts";
import { reach } from "./deployed/reach.ts";
import { replacing } from "./deployed/replacing.ts";
import { rotation } from "./deployed/rotation.ts";
import { secrecy } from "./deployed/secrecy.ts";
import { unchanged } from "./deployed/unchanged.ts";
import { wrongNginx } from "./deployed/wrongNginx.ts";
import { Project, type Result } from "./project.ts";

describe("a deployed stack", () => {
  let deployed: Deployed | undefined;
  let first: { up: Result; stackFile: string } | undefined;
  const the = () => {
    assert.ok(deployed);
    return deployed;
  };
  const made = () => {
    assert.ok(first);
    return first;
  };
  const stored = new Map<string, Buffer>();

  before(async () => {
    deployed = new Deployed(await Project.create());
    const stackFile = deployed.project.readStackFile();
    // FerretDB, the demo's database, takes its first password from its environment alone.
    deployed.watch.files = ["cmdline"];
    deployed.watch.start();
    try {
      first = { up: await deployed.up(), stackFile };
    } finally {
      await deployed.watch.stop();
      deployed.watch.files = ["cmdline", "environ"];
    }
  });
  after(async () => {
    // A test that failed may have left it on, and then this file would never end.
    await deployed?.watch.stop();
    await deployed?.project.remove();
  });

  describe("npm run up from nothing", () => firstUp(the, made));
  describe("passwords", () => passwords(the));
  describe("TLS", () => tls(the));
  describe("tokens", () => tokens(the));
  describe("records", () => bodies(the, stored));
  describe("who reaches whom", () => reach(the));
  describe("hardening", () => hardening(the));
  describe("the CIS Docker Benchmark", () => cis(the));
  describe("a second time", () => unchanged(the));
  describe("the ends of certificates", () => certificates(the));
  describe("drift", () => drift(the));
  describe("containers replaced", () => replacing(the, stored));
  describe("a wrong Nginx setting", () => wrongNginx(the));
  describe("server names", () => names(the));
  describe("rotation", () => rotation(the));
  describe("listeners", () => listeners(the));
  describe("secrets", () => secrecy(the));
  describe("a wrong configuration", () => badInput(the));
  describe("load", () => load(the));
  describe("npm run down", () => down(the));
});
