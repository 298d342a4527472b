import { sharedNamespaces } from "../hardening/judgements.ts";
import { containerRule, NAMESPACE_PROPERTIES } from "../pack/declared.ts";

/** Containers are no part of the host: neither privileged nor in one of its namespaces. */
export const noHostNamespaces = containerRule({
  name: "no-host-namespaces",
  description: "No container is privileged, or shares a namespace with the host.",
  reason:
    "What runs in such a container can reach the host's processes, network or devices " +
    "(CIS Docker 5.5, 5.10, 5.16, 5.17 and 5.31).",
  check: (container) => [
    ...(container.privileged === true
      ? ["it is privileged, which is root on the host: remove privileged"]
      : []),
    ...sharedNamespaces(container).map(
      (namespace) =>
        `it is in the host's ${namespace} namespace: remove ${NAMESPACE_PROPERTIES[namespace]}: "host"`,
    ),
  ],
});
