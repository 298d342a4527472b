/**
 * What each folder may import, which `npm run check` enforces:
 *
 *     index.ts -> components -> settings, render -> names
 *     cli -> stack -> machine -> programs -> settings, render -> names
 *     cli -> policy -> names
 *
 * The folder names has the names of things, and everybody reads them there. Components name programs but
 * never import them, because programs run in processes of their own.
 */

/** What each folder may import in addition to itself. */
export const ARROWS = {
  names: [],
  settings: ["names"],
  render: ["names", "settings"],
  components: ["names", "settings", "render"],
  programs: ["names", "settings", "render"],
  machine: ["names", "settings", "programs"],
  stack: ["names", "settings", "render", "programs", "machine"],
  policy: ["names"],
  cli: ["names", "settings", "render", "programs", "machine", "stack", "policy"],
};

const OTHERS = ["dev", "bench", "test", "examples", "toolchain"];

/**
 * @param {string} name
 * @param {string} from
 * @param {readonly string[]} allowed folders
 */
const only = (name, from, allowed) => ({
  name,
  severity: /** @type {const} */ ("error"),
  from: { path: from },
  to: {
    path: `^(${[...Object.keys(ARROWS), ...OTHERS].filter((folder) => !allowed.includes(folder)).join("|")})/`,
  },
});

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    only("index-imports", "^index[.]ts$", ["components", "names", "settings"]),
    // It lists all commands, including those for developers, and loads each one only when it is called.
    only("main-imports", "^cli/main[.]ts$", [...Object.keys(ARROWS), "dev", "bench"]),
    ...Object.entries(ARROWS).map(([folder, allowed]) =>
      only(`${folder}-imports`, `^${folder}/(?!main[.]ts$)`, [folder, ...allowed]),
    ),
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    // Imports of types count, too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  },
};
