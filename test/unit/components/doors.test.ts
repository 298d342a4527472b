/** Doors of the proxy that share ports, services and names. */
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { HttpService } from "../../../components/httpService.ts";
import {
  checkDoors,
  type KnownDoor,
  type ProxyDoor,
  type ProxyUpstream,
  valuesOf,
} from "../../../components/proxyDoor.ts";
import { TlsProxy } from "../../../components/tlsProxy.ts";
import { UserList } from "../../../components/userList.ts";
import { CONTAINER } from "../../../names/types.ts";
import { build, COMMAND, deployment, NGINX_1_22, the } from "./mocks.ts";
import { authority, clientList, serverCertificate, SETTINGS } from "./parts.ts";

const NGINX_1_30 = "nginx version: nginx/1.30.1\nbuilt with OpenSSL 3.5.1 1 Jul 2025\n";
type Services = Readonly<Record<"wiki" | "shop" | "api", HttpService>>;

const make = (
  doorsOf: (services: Services) => readonly ProxyDoor[],
  { nginx = NGINX_1_30, renewed }: { nginx?: string; renewed?: { names: readonly string[] } } = {},
) =>
  build(
    () => {
      const service = (role: string) =>
        new HttpService(role, {
          ...{ deployment: deployment(), role, image: "sha256:1", port: 8000, user: "1000:1000" },
          ...{ healthCheck: ["check"], memory: 128, cpus: 0.5 },
        });
      const [wiki, shop, api] = [service("wiki"), service("shop"), service("api")];
      const { pairs, ends } = serverCertificate();
      return new TlsProxy("proxy", {
        deployment: deployment(),
        settings: SETTINGS.proxy,
        certificate: { pairs, ends, ...(renewed && { renewed }) },
        users: new UserList("user", { users: SETTINGS.users }),
        clients: clientList([], authority("client-ca")),
        doors: doorsOf({ wiki, shop, api }),
      });
    },
    { nginx },
  );

const renewed = { names: ["wiki.example.edu", "*.shop.example.edu"] };
const plain = { access: "password", maxBody: "1m" } as const;

/** Two names at one port, and one service at both; one door elsewhere. */
const doors = ({ wiki, shop, api }: Services): ProxyDoor[] => [
  {
    ...{ ...plain, name: "wiki", listen: 443, names: ["wiki.example.edu"], service: wiki },
    ...{ profile: "web", keepAlive: 8 },
    paths: [{ path: "/api/", service: api, stripPrefix: true }],
  },
  {
    ...{ ...plain, name: "shop", listen: 443, names: ["a.shop.example.edu"], service: shop },
    paths: [{ path: "/api/", service: api }],
  },
  { ...plain, name: "api", listen: 8443, service: api },
];

type Built = Awaited<ReturnType<typeof make>>;
const confOf = (built: Built) =>
  (
    the(built, COMMAND, "proxy-release-delivery").inputs["stdin"] as {
      files: Record<string, { content: string }>;
    }
  ).files["nginx.conf"]?.content ?? "";

describe("doors of the proxy", () => {
  it("publish each port once, and join the network of each service once", async () => {
    const { inputs } = the(await make(doors, { renewed }), CONTAINER, "proxy");
    assert.deepEqual(inputs["ports"], [
      { ip: "192.0.2.1", external: 443, internal: 8441 },
      { ip: "192.0.2.1", external: 8443, internal: 8442 },
    ]);
    assert.deepEqual(
      (inputs["networksAdvanced"] as { name: string }[]).map(({ name }) => name),
      ["cybexp-test-edge", "cybexp-test-wiki", "cybexp-test-api", "cybexp-test-shop"],
    );
  });

  it("lead where they say, each service with its own stand-in", async () => {
    const conf = confOf(await make(doors, { renewed }));
    const servers = conf.split(/^ {4}server \{$/m).slice(1, 4);
    assert.deepEqual(
      servers.map((server) => [
        /listen (\d+)/.exec(server)?.[1],
        /server_name ([^;]*)/.exec(server)?.[1],
        [...server.matchAll(/set \$upstream\w* ([^$;]+);/g)].map(([, to]) => to),
        [...server.matchAll(/-f \/tmp\/(handover-\w+)/g)].map(([, file]) => file),
      ]),
      [
        [
          ...["8441", "wiki.example.edu"],
          ["wiki:8000", "wiki-handover:8000", "api:8000", "api-handover:8000"],
          ["handover-wiki", "handover-api"],
        ],
        [
          ...["8441", "a.shop.example.edu"],
          ["shop:8000", "shop-handover:8000", "api:8000", "api-handover:8000"],
          ["handover-shop", "handover-api"],
        ],
        [...["8442", "cybexp.example.edu"], ["api:8000", "api-handover:8000"], ["handover-api"]],
      ],
    );
    assert.match(conf, /upstream kept_8441_1 \{/);
  });

  it("say so where the image's Nginx can't keep connections, and serve without them", async (t) => {
    const warn = mock.method(pulumi.log, "warn", () => Promise.resolve());
    t.after(() => warn.mock.restore());
    const conf = confOf(await make(doors, { renewed, nginx: NGINX_1_22 }));
    assert.doesNotMatch(conf, /keepalive 2|upstream kept/);
    assert.deepEqual(
      warn.mock.calls.map(({ arguments: [text] }) => text),
      [
        "the Nginx of the proxy's image is older than 1.27.3, so it opens a connection to the wiki for each request: keepAlive has no effect until the image is newer",
      ],
    );
  });

  /** As much of a service as is known before anything is made. */
  const known = (role: string) =>
    ({ upstream: `${role}:8000`, standIn: `${role}-handover:8000` }) as ProxyUpstream;
  const [wiki, shop, api] = [known("wiki"), known("shop"), known("api")];
  const refused: [string, readonly ProxyDoor[], RegExp][] = [
    [
      "two doors with one name at one port",
      [
        { ...plain, name: "wiki", listen: 443, service: wiki },
        { ...plain, name: "shop", listen: 443, service: shop },
      ],
      /the doors wiki and shop both answer to cybexp\.example\.edu at port 443: give each of them names of its own, or another port/,
    ],
    [
      "one path to two services",
      [
        {
          ...{ ...plain, name: "wiki", listen: 443, service: wiki },
          paths: [
            { path: "/a/", service: shop },
            { path: "/a/", service: api },
          ],
        },
      ],
      /the path \/a\/ of wiki leads to two services/,
    ],
    [
      "a name that the renewed certificate is not for",
      [{ ...plain, name: "wiki", listen: 443, names: ["b.example.edu"], service: wiki }],
      /the proxy's certificate is not for b\.example\.edu, a name of the door wiki/,
    ],
    [
      "a header that is not a door's",
      [{ ...plain, name: "wiki", listen: 443, service: wiki, headers: { "Set-Cookie": "a=b" } }],
      /a header of wiki is "Set-Cookie"/,
    ],
    [
      "another name than the role of its service",
      [{ ...plain, name: "docs", listen: 443, service: wiki }],
      /the door docs must be called as the role of its service is/,
    ],
  ];
  for (const [what, some, message] of refused) {
    it(`refuse ${what} before anything is made`, () => {
      assert.throws(
        () => checkDoors(some.map(valuesOf) as KnownDoor[], ["cybexp.example.edu"], renewed.names),
        {
          name: "RangeError",
          message,
        },
      );
    });
  }
});
