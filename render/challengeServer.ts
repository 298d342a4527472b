/** The Nginx that answers an ACME server at port 80 (RFC 8555, 8.3), and nobody else. */

/** Its port in the container. */
export const CHALLENGE_PORT = 8080;

/** Where it answers its health check, on the container's own loopback. */
export const CHALLENGE_STATUS_PORT = 8081;

/** Where it finds the tokens. */
export const CHALLENGE_ROOT = "/challenge";

/** The file of its release. */
export const CHALLENGE_CONF = "nginx.conf";

/** The whole nginx.conf, for a container that runs as an ordinary user on a read-only root with a writable /tmp. */
export const challengeConf = (): string => `\
# The stack wrote this file: change the stack's config, not this.

daemon off;
pid /tmp/nginx.pid;
error_log stderr error;
worker_processes 1;

events {
    worker_connections 256;
}

http {
    default_type text/plain;
    server_tokens off;
    # The root is read-only.
    client_body_temp_path /tmp/body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;

    # A request has nothing to say here, and soon.
    client_header_timeout 10s;
    client_body_timeout 10s;
    client_max_body_size 1k;
    keepalive_timeout 0;
    send_timeout 10s;

    log_format access escape=json
        '{"time":"$time_iso8601","remote":"$remote_addr","host":"$host","method":"$request_method",'
        '"path":"$uri","status":"$status"}';
    access_log /dev/stdout access;

    # In place of Nginx's own pages, and whatever it would say instead.
    error_page 400 403 405 413 414 =404 /.nothing;
    error_page 404 /.nothing;

    server {
        listen ${CHALLENGE_PORT} default_server;
        server_name _;
        root ${CHALLENGE_ROOT};

        # A token's name is base64url.
        location ~ ^/\\.well-known/acme-challenge/[A-Za-z0-9_-]+$ {
            limit_except GET {
                deny all;
            }
            disable_symlinks on;
            try_files $uri =404;
        }
        location / {
            return 404;
        }
        location = /.nothing {
            internal;
            return 404 "nothing here\\n";
        }
    }

    server {
        listen 127.0.0.1:${CHALLENGE_STATUS_PORT};
        access_log off;
        location = /healthz {
            return 200 "ok\\n";
        }
        location / {
            return 404 "nothing here\\n";
        }
    }
}
`;
