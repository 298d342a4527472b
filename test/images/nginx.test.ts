import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Box, Sandbox } from "./sandbox.ts";

const CONFIG = `
pid /tmp/nginx.pid;
events {}
http {
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen 8080; location / { return 200 "hello\\n"; } }
}
`;

describe("the demo Nginx", () => {
  let sandbox: Sandbox;
  let box: Box;
  before(async () => {
    sandbox = await Sandbox.open();
    box = await sandbox.run("cybexp-demo/nginx:1", {
      user: "101:101",
      port: 8080,
      files: { "/nginx.conf": CONFIG },
      entrypoint: "nginx",
      command: ["-c", "/nginx.conf", "-g", "daemon off;"],
    });
    await box.until(async () => (await fetch(await box.url())).ok);
  });
  after(() => sandbox.close());

  it("serves without any privilege and logs to the container's streams", async () => {
    assert.equal(await (await fetch(await box.url())).text(), "hello\n");
    assert.match(await box.logs(), /"GET \/ HTTP\/1\.1" 200/);
    assert.equal((await box.exec("id", "-u")).output, "101");
  });

  it("can check and reload its configuration", async () => {
    const check = await box.exec("nginx", "-t", "-c", "/nginx.conf");
    assert.match(check.output, /test is successful/);
    assert.equal((await box.exec("nginx", "-s", "reload", "-c", "/nginx.conf")).code, 0);
  });

  it("has what a release needs: shell, tar, checksums, curl", async () => {
    for (const program of ["sh", "tar", "sha256sum", "mv", "ln", "curl"]) {
      assert.equal((await box.exec("which", program)).code, 0, program);
    }
  });

  it("has the modules that the proxy's configuration uses", async () => {
    const { output } = await box.exec("nginx", "-V");
    for (const module of ["ssl", "v2", "secure_link", "stub_status", "realip", "auth_request"]) {
      assert.match(output, new RegExp(`--with-http_${module}_module`));
    }
  });

  it("starts as the official image does when nothing else is said", async () => {
    const format = "--format={{json .Config.Cmd}} {{.Config.StopSignal}} {{.Config.User}}";
    const told = await sandbox.docker("image", "inspect", format, "cybexp-demo/nginx:1");
    assert.equal(told, '["nginx","-g","daemon off;"] SIGQUIT 101:101');
  });

  it("stops in order on SIGQUIT", async () => {
    await box.signal("QUIT");
    assert.equal(await box.exit(), 0);
  });
});
