/** A page behind a door, in a browser: its style sheet, its script, its WebSocket and its events. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { COLLECTOR, Proxy } from "../nginx/proxy.ts";
import { WebUpstream } from "../nginx/webUpstream.ts";
import { Browser } from "./clients/browser.ts";
import { needPrograms } from "./clients/packages.ts";

describe("a page behind a door", () => {
  let proxy: Proxy;
  let web: WebUpstream;
  let browser: Browser;
  before(async () => {
    await needPrograms("chromium", "certutil");
    proxy = await Proxy.start({
      serverNames: ["localhost"],
      behind: async (host) => (web = await WebUpstream.start(host)),
      doorChanges: { kms: { profile: "web" } },
      readTimeout: 60,
    });
    proxy.writeRelease("paths", {
      doors: proxy.doors.map((door) => ({
        ...door,
        paths: [{ path: "/app/", upstream: proxy.at(web), stripPrefix: true }],
      })),
    });
    await proxy.reload("paths");
    browser = new Browser();
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-page-"));
    writeFileSync(join(folder, "ca.pem"), proxy.ca);
    browser.trust(join(folder, "ca.pem"));
    rmSync(folder, { recursive: true });
  });
  after(async () => {
    browser.remove();
    await proxy.stop();
  });

  const shown = (port: number, path: string) =>
    browser.open(`https://${COLLECTOR}@localhost:${port}${path}`);

  for (const path of ["/", "/app/"]) {
    it(`works at ${path} of a door for pages`, async () => {
      const body = await shown(proxy.kms.port, path);
      assert.match(body, /<p id="style">rgb\(1, 2, 3\)<\/p>/);
      assert.match(body, /<p id="socket">hello<\/p>/);
      assert.match(body, /<p id="events">123<\/p>/);
    });
  }

  it("has none of these at a door for data", async () => {
    const body = await shown(proxy.backend.port, "/");
    assert.match(body, /<p id="style"><\/p><p id="socket"><\/p><p id="events"><\/p>/);
  });
});
