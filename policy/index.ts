/** The policy pack: its table of contents. What it is for, and its settings: docs/policies.md. */
import { PolicyPack } from "@pulumi/policy";
import { toPolicy } from "./pack/policy.ts";
import { rules } from "./rules/all.ts";

new PolicyPack("docker-services", {
  description: "Rules for services in Docker containers, their certificates and their Nginx",
  enforcementLevel: "mandatory",
  policies: rules.map(toPolicy),
});
