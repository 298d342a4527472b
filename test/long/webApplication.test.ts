/** The example of a web application, installed by pnpm and deployed: its page, in a browser that signs in. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { type Browser, launch, type Page } from "puppeteer-core";
import { call, type Credential } from "../integration/client.ts";
import { Example } from "../integration/example.ts";
import { freePorts } from "../integration/project.ts";
import { needPrograms } from "./clients/packages.ts";

interface Outputs {
  readonly url: string;
  readonly ca: string;
  readonly passwords: Readonly<Record<string, Credential>>;
}

describe("the example of a web application", () => {
  let example: Example;
  let browser: Browser;
  let url: string;
  let ca: string;
  let ann: { readonly username: string; readonly password: string };
  const home = mkdtempSync(join(tmpdir(), "cybexp-test-browser-"));

  async function pulumi(...args: string[]): Promise<string> {
    const { code, output, stdout } = await example.pulumi(...args);
    assert.equal(code, 0, output);
    return stdout;
  }

  before(async () => {
    await needPrograms("chromium", "certutil");
    const [port = 0] = await freePorts(1);
    example = await Example.of(
      "web-application",
      { image: "cybexp-demo/backend:1", proxyImage: "cybexp-demo/nginx:1", port },
      "pnpm",
    );
    await pulumi("stack", "init", example.stack);
    await pulumi("up", "--yes", "--skip-preview");
    const outputs = JSON.parse(
      await pulumi("stack", "output", "--json", "--show-secrets"),
    ) as Outputs;
    ({ url, ca } = outputs);
    const { user = "", password = "" } = outputs.passwords["ann"] ?? {};
    ann = { username: user, password };
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await example?.remove();
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Trusts the example's authority for web sites, and nothing else does. */
  async function startBrowser(): Promise<Browser> {
    const store = join(home, ".pki", "nssdb");
    mkdirSync(store, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, "ca.pem"), ca);
    const certutil = (...args: string[]) => execa("certutil", ["-d", `sql:${store}`, ...args]);
    await certutil("-N", "--empty-password");
    await certutil("-A", "-n", "ca", "-t", "C,,", "-i", join(home, "ca.pem"));
    return launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
      env: { ...process.env, HOME: home },
      timeout: 120_000,
      protocolTimeout: 180_000,
    });
  }

  const textOf = (page: Page, id: string) =>
    page.$eval(`#${id}`, ({ textContent }) => textContent as string);

  it("shows a page that has its style sheet, its script, its WebSocket and its events", async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => void complaints.push(message.text()));
    page.on("pageerror", (error) => void complaints.push(String(error)));
    await page.authenticate(ann);
    const answer = await page.goto(url);
    assert.equal(answer?.status(), 200);
    await page.waitForSelector("::-p-text(Events: 123)", { timeout: 30_000 });
    await page.waitForSelector("::-p-text(WebSocket: hello)", { timeout: 30_000 });
    assert.deepEqual(
      [await textOf(page, "style"), await textOf(page, "socket"), await textOf(page, "events")],
      ["rgb(200, 230, 255)", "hello", "123"],
    );
    // Chromium asks for an icon that the application doesn't have.
    assert.deepEqual(
      complaints.filter((text) => !/status of 404/.test(text)),
      [],
    );
  });

  it("shows nothing to those who can't sign in", async () => {
    const page = await browser.newPage();
    const context = await browser.createBrowserContext();
    await page.close();
    const other = await context.newPage();
    await other.authenticate({ ...ann, password: "wrong" });
    assert.equal((await other.goto(url))?.status(), 401);
    await context.close();
    for (const path of ["", "style.css", "events"]) {
      assert.equal((await call(`${url}${path}`, { ca })).status, 401);
    }
  });

  it("passes events as they are written", async () => {
    const { username, password } = ann;
    const times = await new Promise<number[]>((resolve, reject) => {
      const at: number[] = [];
      request(`${url}events`, { ca, auth: `${username}:${password}`, agent: false })
        .on("error", reject)
        .on("response", (response) => {
          response.on("data", () => void at.push(performance.now()));
          response.on("end", () => resolve(at));
        })
        .end();
    });
    assert.equal(times.length, 3);
    const [first = 0, , last = 0] = times;
    assert.ok(last - first > 400, `they came within ${last - first} ms`);
  });

  it("changes nothing when nothing changed, and leaves nothing behind", async () => {
    await pulumi("preview", "--expect-no-changes");
    await pulumi("destroy", "--yes", "--skip-preview");
    assert.deepEqual(example.leftovers(), []);
  });
});
