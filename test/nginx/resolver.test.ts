import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "./client.ts";
import { docker, nginxImage, startContainer } from "./docker.ts";
import { COLLECTOR, Proxy } from "./proxy.ts";

/** A service that answers with its own name. */
const service = (name: string) => `\
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/a;
    proxy_temp_path /tmp/b;
    fastcgi_temp_path /tmp/c;
    uwsgi_temp_path /tmp/d;
    scgi_temp_path /tmp/e;
    server {
        listen 5000;
        location / { return 200 "${name}\\n"; }
    }
}
`;

for (const keepAlive of [0, 8]) {
  describe(`a service behind the proxy with ${keepAlive} kept connections`, () => {
    let proxy: Proxy;
    let folder: string;
    const containers: string[] = [];
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "cybexp-test-service-"));
      chmodSync(folder, 0o755);
      proxy = await Proxy.start({
        doors: [
          {
            name: "kms",
            port: 8441,
            upstream: "kms:5000",
            standIn: "kms-handover:5000",
            maxBody: "64k",
            keepAlive,
          },
          {
            name: "backend",
            port: 8442,
            upstream: "backend:5000",
            standIn: "backend-handover:5000",
            maxBody: "17m",
          },
        ],
      });
    });
    after(async () => {
      docker(["rm", "--force", ...containers]);
      await proxy.stop();
      rmSync(folder, { recursive: true });
    });

    /** Starts one under the service's name; gives its container and address. */
    const start = (name: string, alias: string) => {
      writeFileSync(join(folder, name), service(name));
      const container = startContainer([
        `--network=${proxy.network}`,
        `--network-alias=${alias}`,
        "--user=101:101",
        "--read-only",
        "--tmpfs=/tmp",
        `--volume=${folder}:/etc/service:ro`,
        ...["--entrypoint=nginx", nginxImage, "-e", "stderr", "-c", `/etc/service/${name}`],
      ]);
      containers.push(container);
      const address = docker([
        ...["inspect", container],
        "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
      ]);
      return { container, address };
    };
    /** What 40 callers get, so that each of Nginx's workers, which resolve on their own, has its turn. */
    const answers = async () => {
      const all = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const { status, body } = await call(proxy.kms, { auth: COLLECTOR });
          return `${status} ${body.replace(/,"request".*/s, "")}`;
        }),
      );
      return [...new Set(all)];
    };

    it("may start after the proxy, stop, and come back on another address", async () => {
      assert.deepEqual(await answers(), [
        '502 {"status":502,"door":"kms","error":"The proxy got no answer from the service behind it."',
      ]);

      const first = start("one", "kms");
      await sleep(2_200); // as long as the proxy believes what it resolved
      assert.deepEqual(await answers(), ["200 one\n"]);

      docker(["rm", "--force", first.container]);
      // Takes the address that has become free.
      start("other", "nobody");
      const second = start("two", "kms");
      assert.notEqual(second.address, first.address);
      await sleep(2_200);
      assert.deepEqual(await answers(), ["200 two\n"]);
    });

    it("is there while a reload changes whether connections are kept, and while one doesn't", async () => {
      const got = new Set<string>();
      let done = false;
      const asking = Array.from({ length: 6 }, async () => {
        while (!done) {
          const { status, body } = await call(proxy.kms, { auth: COLLECTOR });
          got.add(`${status} ${body}`);
        }
      });
      for (const [release, kept] of [
        ["same", keepAlive],
        ["other", 8 - keepAlive],
        ["again", keepAlive],
      ] as const) {
        proxy.writeRelease(release, {
          doors: proxy.doors.map((door) => ({
            ...door,
            ...(door.name === "kms" && { keepAlive: kept }),
          })),
        });
        await proxy.reload(release);
        await sleep(500);
      }
      done = true;
      await Promise.all(asking);
      assert.deepEqual([...got], ["200 two\n"]);
    });
  });
}
