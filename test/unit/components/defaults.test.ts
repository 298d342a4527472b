/** What a program of somebody's own may leave out, and what it gets then. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { ClientList } from "../../../components/clientList.ts";
import { RotatedAuthority } from "../../../components/rotatedAuthority.ts";
import { ServerCertificate } from "../../../components/serverCertificate.ts";
import { TlsProxy, type TlsProxyArgs } from "../../../components/tlsProxy.ts";
import { UserList } from "../../../components/userList.ts";
import { build, deployment } from "./mocks.ts";

const days = { validityDays: 90, renewBeforeDays: 30 };
const authorityArgs = { validityDays: 3650, generation: 1, overlap: false };
const client = { generation: 1, retired: 0, revoked: false, keyType: "ecdsa" } as const;
const proxy = { image: "nginx:1.30", serverName: "localhost", address: "127.0.0.1" };

/** A proxy and all that it needs, with or without what has a default. */
const make = (said: boolean, settings: TlsProxyArgs["settings"]) =>
  build(() => {
    const authority = (name: string) =>
      new RotatedAuthority(name, { commonName: name, ...(said && authorityArgs) });
    const serverAuthority = authority("server-ca");
    new TlsProxy("proxy", {
      deployment: deployment(),
      settings,
      certificate: new ServerCertificate("certificate", {
        authority: serverAuthority,
        serverName: "localhost",
        ...(said && { ...days, generation: 1 }),
      }),
      users: new UserList("user", {
        users: [{ name: "ann", ...(said && { generation: 1, retired: 0 }) }],
      }),
      clients: new ClientList("client", {
        authority: authority("client-ca"),
        clients: [{ name: "bob", ...(said && client) }],
        ...(said && { ...days, validityDays: 365 }),
      }),
      doors: [
        {
          name: "site",
          listen: 8443,
          service: Object.assign(new pulumi.ComponentResource("cybexp:index:Site", "site"), {
            network: pulumi.output("net"),
            upstream: "site:80",
          }),
          access: "either",
          maxBody: "1m",
        },
      ],
    });
  });

describe("the arguments that may be left out", () => {
  it("are as in the stack's own configuration", async () => {
    const short = await make(false, proxy);
    const long = await make(true, { ...proxy, readTimeout: 300, shutdownTimeout: 60 });
    assert.deepEqual(short.resources, long.resources);
    assert.ok(short.resources.length > 20);
  });

  it("are as given if they are given", async () => {
    const short = await make(false, proxy);
    const other = await make(false, { ...proxy, readTimeout: 301 });
    assert.notDeepEqual(short.resources, other.resources);
  });
});
