/**
 * Everything that the report shows of a stack. Callers are named. No password, token, key, digest or path of a
 * request has a place here, so none can get onto the page.
 */
import type { CertificateKind } from "../../../names/certificates.ts";
import type { Finding } from "../finding.ts";

export interface Report {
  readonly stack: string;
  readonly time: Date;
  readonly engine: EngineFacts;
  readonly findings: readonly Finding[];
  /** Undefined if the stack is not deployed. */
  readonly deployed: Deployed | undefined;
}

export interface EngineFacts {
  /** What the engine calls its machine. */
  readonly host: string;
  readonly version: string;
}

export interface Deployed {
  readonly topology: Topology;
  readonly ends: readonly End[];
  readonly warnDays: number;
  /** Previous secrets that are still valid. */
  readonly overlaps: readonly Overlap[];
  readonly users: readonly Caller[];
  readonly clients: readonly Caller[];
  /** Undefined if none is configured. */
  readonly backup: Backup | undefined;
  /** Undefined if the proxy's log can't be read. */
  readonly traffic: Traffic | undefined;
}

/** What runs where. */
export interface Topology {
  readonly hosts: readonly Host[];
}

export interface Host extends EngineFacts {
  readonly containers: readonly Container[];
  readonly networks: readonly Network[];
  readonly ports: readonly Port[];
}

export interface Container {
  readonly name: string;
  /** For a person, such as "KMS". */
  readonly title: string;
  readonly state: "healthy" | "running" | "unwell" | "gone";
  /** In words, such as "exited". */
  readonly words: string;
  /** By name. */
  readonly networks: readonly string[];
}

export interface Network {
  readonly name: string;
  /** The last part of its name. */
  readonly title: string;
  /** Whether its containers may call others than each other. */
  readonly callsOut: boolean;
}

/** A port of the host, and the container behind it. */
export interface Port {
  readonly address: string;
  readonly port: number;
  readonly container: string;
  /** Who may reach it. */
  readonly from: "network" | "host";
  /** The door that it is; undefined for an operator's own way in. */
  readonly door: PortDoor | undefined;
}

export interface PortDoor {
  readonly title: string;
  /** What it asks of callers, in words, and in one word where there is little room. */
  readonly access: string;
  readonly shortly: string;
}

/** When a certificate or a revocation list ends. */
export interface End {
  readonly name: string;
  readonly kind: CertificateKind;
  readonly notAfter: Date;
  readonly days: number;
  readonly level: "ended" | "soon" | "fine";
  /** What renews it. */
  readonly renewal: "up" | "authority" | "people";
}

export interface Overlap {
  readonly what: string;
  /** The day by which it should be retired, such as 2026-12-31. */
  readonly retireBy: string | undefined;
  /** Days until then; undefined if no day is set. */
  readonly days: number | undefined;
}

/** A user or a client. */
export interface Caller {
  readonly name: string;
  readonly generation: number;
  /** The generation before is still valid. */
  readonly overlap: boolean;
  readonly revoked: boolean;
  /** In the last hour; undefined if the log can't be read. */
  readonly requests: number | undefined;
}

/** What is known of backups. */
export interface Backup {
  /** When the newest one was begun; undefined if there is none yet. */
  readonly newest: Date | undefined;
  /** Where they are. */
  readonly place: string;
  /** From this age on the newest one is too old. */
  readonly warnDays: number;
}

/** How requests ended. */
export const OUTCOMES = ["answered", "declined", "refused", "failed"] as const;
export type Outcome = (typeof OUTCOMES)[number];
export type Outcomes = Readonly<Record<Outcome, number>>;

/** What the proxy's access log says of the last hour. */
export interface Traffic {
  /** Whole minutes, the oldest first. */
  readonly minutes: readonly { readonly start: Date; readonly outcomes: Outcomes }[];
  readonly doors: readonly DoorTraffic[];
  readonly refusals: readonly Refusal[];
  /** Whose requests were refused most often, the first few. */
  readonly addresses: readonly { readonly address: string; readonly refused: number }[];
  /** Of users and clients that the stack has. */
  readonly requestsBy: Readonly<Record<string, number>>;
  /** Not everything was read; what was, lies between the two times. */
  readonly cut: { readonly from: Date; readonly to: Date } | undefined;
}

export interface DoorTraffic {
  readonly name: string;
  readonly outcomes: Outcomes;
  /** Seconds of half of the answers, and of 95 %. */
  readonly median: number | undefined;
  readonly most: number | undefined;
}

/** What the proxy itself refused, by its status and the door. */
export interface Refusal {
  readonly door: string;
  readonly status: number;
  readonly count: number;
}
