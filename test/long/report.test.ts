/**
 * The doctor's report in Chromium: wide and narrow, light and dark, with one caller and with 300. With
 * CYBEXP_TEST_PICTURES=FOLDER it also writes a picture of each.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, describe, it } from "node:test";
import { type Browser, launch, type Page } from "puppeteer-core";
import { renderPage } from "../../cli/doctor/report/page.ts";
import { sampleReport, type SampleOptions } from "../unit/reportSample.ts";
import { needPrograms } from "./clients/packages.ts";

const PAGES: Readonly<Record<string, SampleOptions>> = {
  "a stack with one user": { users: 1, clients: 0, quiet: true },
  "a stack with 300 users and clients": { users: 300, clients: 300 },
  "a stack with faults, Kapow! and ACME": { ill: true, kapow: true, acme: true, clients: 4 },
  "a stack with a long name": { stack: "w".repeat(100) },
};
const WIDTHS = [360, 768, 1280] as const;
const SCHEMES = ["light", "dark"] as const;

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What is used of axe-core, in the page. */
interface Axe {
  run(): Promise<{
    readonly violations: readonly {
      readonly id: string;
      readonly nodes: readonly { readonly html: string }[];
    }[];
  }>;
}

describe("the doctor's report in Chromium", () => {
  let browser: Browser;
  let folder: string;
  before(async () => {
    await needPrograms("chromium");
    folder = mkdtempSync(join(tmpdir(), "cybexp-test-report-"));
    browser = await launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
      timeout: 120_000,
      protocolTimeout: 180_000,
    });
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  for (const [name, options] of Object.entries(PAGES)) {
    describe(`of ${name}`, () => {
      let file: string;
      before(async () => {
        file = join(folder, "report.html");
        writeFileSync(file, await renderPage(sampleReport(options)));
      });
      for (const width of WIDTHS) {
        for (const scheme of SCHEMES) {
          it(`is whole, quiet and accessible, ${width} pixels wide and ${scheme}`, async () => {
            const { page, heard } = await opened(file, width, scheme);
            await assertFits(page, width);
            await assertReadable(page);
            const pictures = process.env["CYBEXP_TEST_PICTURES"];
            if (pictures !== undefined) {
              const picture = `${name.replaceAll(/\W+/g, "-")}-${width}-${scheme}.png`;
              await page.screenshot({ path: join(pictures, picture), fullPage: true });
            }
            await unfold(page);
            await assertFits(page, width);
            await assertAccessible(page);
            assert.deepEqual(heard, { requests: [pathToFileURL(file).href], words: [] });
            await page.close();
          });
        }
      }
    });
  }

  /** A page with a way to the outside, of which it makes no use, and what was heard of it. */
  async function opened(file: string, width: number, scheme: (typeof SCHEMES)[number]) {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    const heard = { requests: [] as string[], words: [] as string[] };
    page.on("request", (request) => heard.requests.push(request.url()));
    page.on("console", (message) => heard.words.push(message.text()));
    page.on("pageerror", (error) => heard.words.push(String(error)));
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width, height: 900 });
    await page.goto(pathToFileURL(file).href);
    return { page, heard };
  }

  /** Nothing sticks out to the side, of the page or of a drawing; what scrolls by itself may. */
  async function assertFits(page: Page, width: number) {
    const sizes = await page.evaluate(`({
      whole: document.documentElement.scrollWidth,
      wide: [...document.querySelectorAll("svg.form")]
        .filter((svg) => svg.getBoundingClientRect().right > innerWidth)
        .map((svg) => svg.outerHTML.slice(0, 80)),
    })`);
    assert.deepEqual(sizes, { whole: width, wide: [] });
  }

  /** Of each drawing one form is shown, with its letters in the colour of the scheme. */
  async function assertReadable(page: Page) {
    const seen = (await page.evaluate(`[...document.querySelectorAll(".forms")].map((forms) => {
      const shown = [...forms.children].filter((svg) => svg.getBoundingClientRect().width > 0);
      const { width } = shown[0]?.getBoundingClientRect() ?? { width: 0 };
      const letters = [...(shown[0]?.querySelectorAll("text") ?? [])];
      return {
        shown: shown.length,
        scale: width / (shown[0]?.viewBox.baseVal.width ?? 1),
        black: letters.filter((text) => getComputedStyle(text).fill === "rgb(0, 0, 0)").length,
      };
    })`)) as { shown: number; scale: number; black: number }[];
    assert.ok(seen.length > 0);
    for (const { shown, scale, black } of seen) {
      assert.deepEqual([shown, black], [1, 0]);
      assert.ok(scale > 0.6 && scale <= 1.01, String(scale));
    }
  }

  const unfold = (page: Page) =>
    page.evaluate(`document.querySelectorAll("details").forEach((one) => (one.open = true))`);

  /** By axe-core, which the page's own policy would not let in; and every part that scrolls takes the focus. */
  async function assertAccessible(page: Page) {
    await page.evaluate(axe);
    const { violations } = (await page.evaluate("axe.run()")) as Awaited<ReturnType<Axe["run"]>>;
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`),
      [],
    );
  }
});
