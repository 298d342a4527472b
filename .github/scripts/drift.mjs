// Keeps one open issue for each environment that has drifted, and closes it when the drift is gone. Prints
// which environments have certificates to renew and no drift, as the line `due=["prod",...]`.
//
//   node drift.mjs FOLDER        FOLDER has the reports of `npm run drift`, NAME.json
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { api, cut, findOwn, main } from "./github.mjs";

/** @typedef {{ stack: string, drift: string[], due: string[] }} Report */

await main(async () => {
  const folder = process.argv[2] ?? ".";
  const reports = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const text = readFileSync(join(folder, name), "utf8");
      return /** @type {Report} */ (JSON.parse(text));
    });
  for (const report of reports) {
    await tell(report);
  }
  const due = reports.filter(({ drift, due }) => drift.length === 0 && due.length > 0);
  console.log(`due=${JSON.stringify(due.map(({ stack }) => stack))}`);
});

/** @param {Report} report */
async function tell({ stack, drift, due }) {
  const marker = `<!-- cybexp-drift ${stack} -->`;
  const open = await findOwn("issues?state=open", marker);
  if (drift.length === 0) {
    if (open) {
      await api("PATCH", `issues/${open.number}`, { state: "closed" });
    }
    return;
  }
  const body = cut(
    [
      marker,
      "",
      `Not as the last \`up\` left ${stack}:`,
      "",
      ...drift.map((item) => `- ${item}`),
      ...(due.length > 0 ? ["", "Due for renewal, once the above is fixed:", ""] : []),
      ...due.map((item) => `- ${item}`),
      "",
      `Run the workflow \`deploy\` to put it back, or change Pulumi.${stack}.yaml to keep it.`,
    ].join("\n"),
  );
  const title = `Drift: ${stack}`;
  if (open) {
    await api("PATCH", `issues/${open.number}`, { title, body });
  } else {
    await api("POST", "issues", { title, body });
  }
}
