import * as pulumi from "@pulumi/pulumi";
import { RECORDED } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { wholeNumber } from "../render/check.ts";
import type { ClientCredential, ClientList } from "./clientList.ts";
import type { PublishedListener } from "./container.ts";
import { connectionOf, type Deployment, ownerOf } from "./deployment.ts";
import { checked, refusing } from "./late.ts";
import { Program } from "./program.ts";
import type { TlsProxy } from "./tlsProxy.ts";
import type { Credential, UserList } from "./userList.ts";

/** What a door answers to a caller who is let in. */
export interface DoorExpectation {
  /** What is asked for by GET, with its query. @default "/" */
  readonly path?: pulumi.Input<string>;
  /** The status, such as 302 for a redirect to a login. @default any from 200 to 299 */
  readonly status?: pulumi.Input<number>;
  /** The whole body, without white space at its ends. @default any */
  readonly body?: pulumi.Input<string>;
}

/** Arguments of {@link SmokeCheck}. */
export interface SmokeCheckArgs {
  /** The proxy's. */
  readonly deployment: Deployment;
  /** Its doors are called as its first user, or with the certificate of its first client whose key is here. */
  readonly proxy: TlsProxy;
  /** PEM: what callers verify the proxy by, such as the `bundle` of a `RotatedAuthority`. */
  readonly serverCa: pulumi.Input<string>;
  /**
   * What the doors answer, by their names; each other door must answer `GET /` with a status from 200 to 299.
   *
   * @default none
   * @example
   * { wiki: { path: "/health", body: "OK" }, shop: { status: 302 } }
   */
  readonly expect?: Readonly<Record<string, DoorExpectation>>;
  /**
   * All ports that the deployment publishes beside the proxy's: with a list, even an empty one, any other open port
   * fails the check. @default open ports are not looked for
   */
  readonly listeners?: readonly PublishedListener[];
  /** What else makes the check run again when it changes, such as an id; shown in previews. @default nothing */
  readonly because?: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * The last thing that an `up` does: it calls each door from outside, as a client would. Without credentials the door
 * must refuse; with them it must answer as expected, by TLS that the authority verifies. If it fails, it fails the
 * `up` with the cause in one sentence: DNS, TLS, 401, 502 and so on. It runs again for another release of the proxy,
 * and another container of a service.
 *
 * The machine that runs the `up` must reach the doors by their names, or be the Docker host.
 */
export class SmokeCheck extends pulumi.ComponentResource {
  /** Known once the check has passed. */
  readonly result: pulumi.Output<string>;

  constructor(name: string, args: SmokeCheckArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.smokeCheck, name, {}, opts);
    const { proxy, expect = {}, listeners } = args;
    const names = proxy.doors.map((door) => door.name);
    refusing(() => {
      checkExpected(Object.keys(expect), names);
    });
    const expected = checked(expect, (known) => {
      for (const [door, { path = "/", status = 200 }] of Object.entries(known)) {
        checkExpectation(door, path, status);
      }
    }) as unknown as pulumi.Output<Record<string, Expected>>;
    const doors = pulumi
      .all([proxy.called, expected])
      .apply(([called, known]) => called.map((door) => ({ ...door, ...asked(known[door.name]) })));

    this.result = smokeProgram(
      name,
      {
        deployment: args.deployment,
        input: {
          proxy: proxy.role,
          serverName: proxy.serverName,
          serverCa: args.serverCa,
          credential: firstUser(proxy.users),
          client: firstClient(proxy.clients),
          doors,
          databases: [],
          listeners: [...proxy.listeners, ...(listeners ?? [])],
          ...(listeners === undefined && { someListeners: true }),
        },
        because: {
          [RECORDED.release]: proxy.release,
          PROXY: proxy.containerId,
          SERVICES: pulumi
            .all(proxy.services.map(({ containerId }) => containerId ?? ""))
            .apply((ids) => ids.filter(Boolean).join(" ")),
          ...args.because,
        },
      },
      this,
    );
    this.registerOutputs({});
  }
}

interface Expected {
  readonly path?: string;
  readonly status?: number;
  readonly body?: string;
}

const asked = ({ path = "/", status, body }: Expected = {}) => ({
  route: path,
  ...(status !== undefined && { status }),
  ...(body !== undefined && { body }),
});

function checkExpected(expected: readonly string[], doors: readonly string[]): void {
  for (const door of expected) {
    if (!doors.includes(door)) {
      throw new RangeError(
        `an answer of ${JSON.stringify(door)} is expected, but the proxy has no door of that name: it has ${doors.join(", ")}`,
      );
    }
  }
}

function checkExpectation(door: string, path: string, status: number): void {
  if (!/^\/[!-~]*$/.test(path)) {
    throw new RangeError(
      `the path that is asked of ${door} is ${JSON.stringify(path)}, but must begin with / and be printable ASCII without spaces`,
    );
  }
  wholeNumber(`the status that is expected of ${door}`, status, 200, 599);
}

/** What the program is given beside the engine. */
export interface SmokeQuestion {
  readonly deployment: Deployment;
  readonly input: Readonly<Record<string, unknown>>;
  readonly because: Readonly<Record<string, pulumi.Input<string>>>;
}

/** What it said, once it has passed. */
export function smokeProgram(
  name: string,
  { deployment, input, because }: SmokeQuestion,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  return new Program(
    name,
    {
      program: "smoke",
      speaks: true,
      input: { dockerHost: connectionOf(deployment), ...ownerOf(deployment), ...input },
      because,
    },
    { parent },
  ).stdout;
}

/** Who calls; undefined if nobody is on the list. */
export const firstUser = ({ credentials }: UserList): pulumi.Output<Credential | undefined> =>
  credentials.apply((all) => Object.values(all)[0]);

/** The first client whose key is known here; undefined if every one is revoked, or its owner has the key. */
export const firstClient = ({
  credentials,
}: ClientList): pulumi.Output<ClientCredential | undefined> =>
  credentials.apply((all) => Object.values(all).find(({ privateKey }) => privateKey !== undefined));
