/** Every rule, in the order of the documentation. */
import type { Rule } from "../pack/rule.ts";
import { certificateLifetime } from "./certificateLifetime.ts";
import { droppedCapabilities } from "./droppedCapabilities.ts";
import { healthCheck } from "./healthCheck.ts";
import { keyStrength } from "./keyStrength.ts";
import { loopbackPorts } from "./loopbackPorts.ts";
import { memoryLimit } from "./memoryLimit.ts";
import { nginxDoor } from "./nginxDoor.ts";
import { noDockerSocket } from "./noDockerSocket.ts";
import { noHostNamespaces } from "./noHostNamespaces.ts";
import { noNewPrivileges } from "./noNewPrivileges.ts";
import { ordinaryUser } from "./ordinaryUser.ts";
import { ownDatabase } from "./ownDatabase.ts";
import { pidsLimit } from "./pidsLimit.ts";
import { pinnedImage } from "./pinnedImage.ts";
import { protectedData } from "./protectedData.ts";
import { readOnlyRoot } from "./readOnlyRoot.ts";
import { restartPolicy } from "./restartPolicy.ts";
import { secretFreeEnvironment } from "./secretFreeEnvironment.ts";
import { tlsFloor } from "./tlsFloor.ts";

export const rules: readonly Rule[] = [
  loopbackPorts,
  secretFreeEnvironment,
  healthCheck,
  droppedCapabilities,
  noNewPrivileges,
  ordinaryUser,
  noHostNamespaces,
  noDockerSocket,
  readOnlyRoot,
  memoryLimit,
  pidsLimit,
  restartPolicy,
  pinnedImage,
  protectedData,
  ownDatabase,
  nginxDoor,
  tlsFloor,
  certificateLifetime,
  keyStrength,
];
