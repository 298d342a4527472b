/** The same service on two engines: one reached by SSH, one by TLS. The environment's own engine is not used. */
import * as pulumi from "@pulumi/pulumi";
import * as cybexp from "cybexp-pulumi";

const config = new pulumi.Config();

const engines = {
  near: new cybexp.DockerEngine("near", {
    host: config.require("near"), // ssh://operator@near.example.edu
    sshOptions: config.requireObject<string[]>("sshOptions"),
  }),
  far: new cybexp.DockerEngine("far", {
    host: config.require("far"), // tcp://far.example.edu:2376
    tls: {
      ca: config.require("ca"),
      certificate: config.require("certificate"),
      privateKey: config.requireSecret("privateKey"),
    },
  }),
};

for (const [name, engine] of Object.entries(engines)) {
  new cybexp.HttpService(`${name}-site`, {
    deployment: new cybexp.Deployment(name, { prefix: "two-engines", throwaway: true, engine }),
    role: "site",
    image: cybexp.imageId(`${name}-image`, config.require("image"), { engine }),
    command: ["python3", "-m", "http.server", "8000", "--directory", "/srv"],
    files: { "/srv/index.html": `This is ${name}\n` },
    port: 8000,
    user: "65532:65532",
    healthCheck: cybexp.httpHealthCheck(8000),
    stopSignal: "SIGINT", // Python as process 1 ignores SIGTERM.
    memory: 128,
    cpus: 1,
  });
}
