/**
 * The arrows between folders, which `npm run check` holds:
 *
 *     index.ts -> components -> settings, render -> names
 *     cli -> stack -> machine -> programs -> settings, render -> names
 *     cli -> policy -> names
 *
 * What things are called is said in names, and everybody reads it there. Components name programs and never import them: programs run in processes of their own.
 */

/** What each folder may import beside itself. */
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
    // The table of all commands: it loads those of developers, too, each when it is called.
    only("main-imports", "^cli/main[.]ts$", [...Object.keys(ARROWS), "dev", "bench"]),
    ...Object.entries(ARROWS).map(([folder, allowed]) =>
      only(`${folder}-imports`, `^${folder}/(?!main[.]ts$)`, [folder, ...allowed]),
    ),
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    // An import of types alone draws an arrow, too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
  },
};
