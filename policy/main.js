// Pulumi's runner loads a pack by `require`, which it has handed to a compiler of its own; an import of
// TypeScript is Node's own business.
import { flushCompileCache } from "node:module";
import "./index.ts";

// A pack is ended from outside: what was compiled for it would be lost, and be compiled for each run.
flushCompileCache();
