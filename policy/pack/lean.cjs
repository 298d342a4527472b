// Pulumi's runner of policy packs loads a compiler for each pack, and its SDK what installs packages:
// half of the time that this pack takes to start. Node runs the pack's TypeScript itself, and nothing
// is installed.
const { registerHooks } = require("node:module");

const UNUSED =
  /^(typescript|ts-node|@npmcli\/arborist|normalize-package-data)$|[\\/]ts-node@[\d.]+$/;
const STAND_IN = "exports.version = exports.VERSION = '0.0.0'; exports.register = () => {};";

registerHooks({
  resolve: (specifier, context, next) =>
    UNUSED.test(specifier)
      ? { url: `data:text/javascript,${specifier}`, format: "commonjs", shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) =>
    url.startsWith("data:text/javascript,")
      ? { source: STAND_IN, format: "commonjs", shortCircuit: true }
      : next(url, context),
});
