/** The newest Docker that Debian has. */
import { describeSecondEngine } from "./engines/describeSecondEngine.ts";

describeSecondEngine("Docker 28, of Debian sid", { debian: "sid" }, /^28\./);
