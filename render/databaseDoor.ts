/**
 * The way of a service to a database outside of the stack, and to nothing else: two Nginx that pass connections
 * on, and don't read them. The first answers in the service's network to the names of the database's hosts. It
 * would find itself if it looked one up, so a second one, which has no such names, does that and calls out.
 */
import { isIP } from "node:net";
import type { DatabaseHost } from "../settings/databaseUri.ts";
import { matching, wholeNumber } from "./check.ts";

/** The files of their release. */
export const DOOR_CONF = "door.conf";
export const EXIT_CONF = "exit.conf";

/** Where each answers its health check, on its own loopback. */
export const DOOR_STATUS_PORT = 8081;

/** A host's address where DNS does not know it. */
export interface HostAddress {
  readonly name: string;
  readonly address: string;
}

const DOCKER_DNS = "127.0.0.11";

/** @param exit The host name of the second one. */
export function doorConf(hosts: readonly DatabaseHost[], exit: string): string {
  const servers = portsOf(hosts).map((port) => server(port, `"$exit:${port}"`));
  return conf(`    # A variable, so that it is looked up again when the other one was restarted.
    map "" $exit {
        default ${hostText(exit)};
    }
${servers.join("")}`);
}

export function exitConf(
  hosts: readonly DatabaseHost[],
  addresses: readonly HostAddress[] = [],
): string {
  const servers = portsOf(hosts).map((port) => {
    const here = hosts.filter((host) => host.port === port);
    const [only] = here;
    const one = here.length === 1 && only !== undefined;
    const lines = one
      ? [`default ${upstream(only, addresses)};`]
      : // Only those that are listed: without a name, or with another one, there is no way.
        here.map((host) => `${hostText(host.name)} ${upstream(host, addresses)};`);
    return `
    map ${one ? '""' : "$ssl_preread_server_name"} $to_${port} {
${[...lines, ...(one ? [] : ['default "";'])].map((line) => `        ${line}\n`).join("")}    }
${server(port, `$to_${port}`, one ? "" : "        ssl_preread on;\n")}`;
  });
  return conf(servers.join(""));
}

const portsOf = (hosts: readonly DatabaseHost[]): number[] =>
  [...new Set(hosts.map(({ port }) => wholeNumber("a database's port", port, 1, 65_535)))].sort(
    (a, b) => a - b,
  );

function upstream({ name, port }: DatabaseHost, addresses: readonly HostAddress[]): string {
  const known = addresses.find((entry) => entry.name.toLowerCase() === name)?.address ?? name;
  return isIP(known) === 6 ? `"[${known}]:${port}"` : `"${hostText(known)}:${port}"`;
}

const hostText = (name: string): string =>
  matching("a database's host", name, /^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/i, "a host name");

const server = (port: number, target: string, more = ""): string => `
    server {
        listen ${port} so_keepalive=on;
${more}        proxy_pass ${target};
    }
`;

/** A service holds its connections open, and the database decides when an idle one ends. */
const conf = (stream: string): string => `\
# The stack wrote this file: change the stack's config, not this.

# Debian's packages have \`stream\` in a module.
include /etc/nginx/modules-enabled/*.conf;

daemon off;
pid /tmp/nginx.pid;
error_log stderr error;
worker_processes 1;

events {
    worker_connections 8192;
}

stream {
    resolver ${DOCKER_DNS} valid=10s;
    resolver_timeout 5s;
    proxy_connect_timeout 10s;
    proxy_timeout 24h;
    proxy_socket_keepalive on;
    access_log off;

${stream.replace(/^\n/, "")}}

http {
    access_log off;
    server_tokens off;
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    server {
        listen 127.0.0.1:${DOOR_STATUS_PORT};
        location = /healthz {
            return 200 "ok\\n";
        }
        location / {
            return 404 "nothing here\\n";
        }
    }
}
`;
