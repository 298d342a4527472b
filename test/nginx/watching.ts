/** fail2ban, CrowdSec, mtail and Prometheus from Debian's packages, with the examples, in an image of its own. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../machine/paths.ts";
import { docker, uniqueName } from "./docker.ts";

const EXAMPLES = join(projectRoot, "examples", "watching");

/** Without their scripts: those would ask CrowdSec's servers for an account. */
const DOCKERFILE = `FROM cybexp-demo/nginx:1
USER 0:0
RUN apt-get update -q \\
 && apt-get install -y -q --no-install-recommends fail2ban iptables logrotate mtail \\
 && cd /tmp && apt-get download -q -o APT::Sandbox::User=root crowdsec prometheus prometheus-node-exporter \\
 && for package in prometheus_*.deb prometheus-node-exporter_*.deb; do dpkg-deb --extract $package prometheus; done \\
 && cp prometheus/usr/bin/* /usr/bin/ \\
 && dpkg-deb --extract crowdsec_*.deb crowdsec \\
 && cp -r crowdsec/usr crowdsec/etc / \\
 && rm -rf /tmp/* /var/lib/apt/lists/* /etc/fail2ban/jail.d/*
ENTRYPOINT []
`;

/** Where the examples' jail and acquisition find the log. */
export const LOG = "/var/log/cybexp/proxy.log";

/** The examples, where their first lines say that they belong. */
const mounts = [
  ["fail2ban/filter.d/cybexp.conf", "/etc/fail2ban/filter.d/cybexp.conf"],
  ["fail2ban/jail.d/cybexp.conf", "/etc/fail2ban/jail.d/cybexp.conf"],
  ["crowdsec/acquis.d/cybexp.yaml", "/etc/crowdsec/acquis.d/cybexp.yaml"],
  [
    "crowdsec/parsers/s01-parse/cybexp-proxy.yaml",
    "/etc/crowdsec/parsers/s01-parse/cybexp-proxy.yaml",
  ],
  [
    "crowdsec/scenarios/cybexp-wrong-passwords.yaml",
    "/etc/crowdsec/scenarios/cybexp-wrong-passwords.yaml",
  ],
  ["mtail", "/etc/mtail"],
  ["prometheus", "/etc/prometheus"],
  ["logrotate.d/cybexp-proxy-log", "/etc/logrotate.d/cybexp-proxy-log"],
].map(([from = "", to = ""]) => `--volume=${join(EXAMPLES, from)}:${to}:ro`);

/**
 * Has CrowdSec read the log once: an installation of its own, with the parsers that each has, and no connection
 * to CrowdSec's servers. Prints what it says, and then what its parsers made of each line, as YAML.
 */
export const CROWDSEC = `
cd /etc/crowdsec
mkdir -p /tmp/dump /var/lib/crowdsec/data parsers/s00-raw parsers/s02-enrich postoverflows/s00-enrich
cp -r /usr/share/crowdsec/hub /var/lib/crowdsec/hub
ln -s /var/lib/crowdsec/hub/parsers/s00-raw/crowdsecurity/syslog-logs.yaml parsers/s00-raw/
ln -s /var/lib/crowdsec/hub/parsers/s02-enrich/crowdsecurity/dateparse-enrich.yaml parsers/s02-enrich/
sed -i 's/log_media: file/log_media: stdout/; /online_client/,+1d' config.yaml
touch local_api_credentials.yaml
cscli machines add test --auto --force >/dev/null 2>&1
type=$(sed -n 's/^ *type: //p' acquis.d/cybexp.yaml)
crowdsec -c config.yaml -dsn file://${LOG} -type "$type" -dump-data /tmp/dump 2>&1
echo ---
cat /tmp/dump/parser-dump.yaml
`;

export class WatchingImage {
  readonly name = `cybexp-test/${uniqueName("watching")}:1`;

  constructor() {
    execFileSync("docker", ["build", "--quiet", `--tag=${this.name}`, "-"], {
      input: DOCKERFILE,
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
      stdio: ["pipe", "ignore", "inherit"],
      timeout: 300_000,
    });
  }

  /** Arguments of `docker run` for a container with the examples, and with a folder for the log. */
  run(folder: string, ...options: readonly string[]): string[] {
    return [...mounts, `--volume=${folder}:/var/log/cybexp`, ...options, this.name];
  }

  remove(): void {
    docker(["image", "rm", "--force", this.name]);
  }
}
