"""`kapow server`: the user interface, and the start of the other two."""

import http.server
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import urllib.parse
import uuid

import control
import data


def log(text):
    # In one piece: threads write side by side.
    sys.stderr.write(f"{text}\n")


def die(text):
    log(text)
    os._exit(1)


def run(values, programs):
    # No handler in the real one either: as the first process it is gone at once, with code 2.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(2))
    os.environ.setdefault("KAPOW_DATA_URL", f"http://{values['data-bind']}")
    os.environ.setdefault("KAPOW_CONTROL_URL", f"https://{values['control-reachable-addr']}")

    routes = []
    listener = UserServer(values, routes)
    data.serve(values["data-bind"])
    for_init = control.serve(values["control-bind"], values["control-reachable-addr"], routes)
    for program in programs:
        threading.Thread(target=run_init, args=(program, for_init), daemon=True).start()
    listener.serve_forever()


def run_init(program, more):
    name = json.dumps(program)
    log(f"Running init program {name}")
    try:
        process = subprocess.Popen(
            [program],
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        die(f"Unable to run init program {name}: {error}")
    for line in process.stdout:
        log(f"{name}: {line.rstrip()}")
    code = process.wait()
    # The server goes on either way, and answers 404 to everything if there are no routes.
    log(
        f"Init program {name} finished OK"
        if code == 0
        else f"Init program exited with error: exit status {code}"
    )


def tls_context(values):
    """Read once: files that are replaced are not noticed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # TLS 1.0 unless the environment says otherwise, as of a binary whose go.mod is an old one.
    if "tls10server=0" in os.environ.get("GODEBUG", "").split(","):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    try:
        context.load_cert_chain(values["certfile"], values["keyfile"], password=no_password)
        if values["clientauth"]:
            context.verify_mode = ssl.CERT_REQUIRED
            if values["clientcafile"]:
                log(f"UserServer using CA certs from {values['clientcafile']}")
                context.load_verify_locations(values["clientcafile"])
            else:
                log("UserServer using system CA certs")
                context.set_default_verify_paths()
    except (OSError, ValueError) as error:
        die(f"UserServer failed: {error}")
    return context


def no_password():
    raise ValueError("the key is encrypted")


class UserServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, values, routes):
        self.context = tls_context(values) if values["certfile"] else None
        self.routes = routes
        host, _, port = values["bind"].rpartition(":")
        super().__init__((host, int(port)), Handler)

    def finish_request(self, request, client_address):
        # In the connection's own thread: a slow handshake holds up nobody else.
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError as error:
                log(f"http: TLS handshake error from {client_address[0]}: {error}")
                return
        try:
            self.RequestHandlerClass(request, client_address, self)
        except OSError:
            pass  # The caller is gone.
        finally:
            # `shutdown_request` knows the socket without TLS only.
            request.close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_request(self):
        path, _, _ = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        for route in list(self.server.routes):
            found = pattern_of(route["url_pattern"]).fullmatch(path)
            if found and route["method"] == self.command:
                self.answer(*Exchange(self, found.groupdict(), body).run(route))
                return
        self.answer(404, {}, b"404 page not found\n")

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_request

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, text, *values):
        log(f"{self.client_address[0]} {text % values}")


def pattern_of(url_pattern):
    """As in gorilla/mux: `{name}` is one part of the path, `{name:expression}` what it says."""
    parts = re.split(r"\{([a-z]\w*)(?::([^{}]+))?\}", url_pattern)
    text = re.escape(parts[0])
    for name, expression, plain in zip(parts[1::3], parts[2::3], parts[3::3]):
        text += f"(?P<{name}>{expression or '[^/]+'}){re.escape(plain)}"
    return re.compile(text)


class Exchange:
    """One request and its answer, as the route's command sees them."""

    def __init__(self, handler, matches, body):
        self.handler = handler
        self.matches = matches
        self.body = body
        self.status = 200
        self.headers = {}
        self.answer = b""

    def run(self, route):
        handler_id = str(uuid.uuid1())
        data.exchanges[handler_id] = self
        try:
            # The server's whole environment, whatever is in it.
            subprocess.run(
                [*shlex.split(route["entrypoint"]), route["command"]],
                env={**os.environ, "KAPOW_HANDLER_ID": handler_id},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            log(f"{route['url_pattern']}: {error}")
            return 500, {}, b""
        finally:
            del data.exchanges[handler_id]
        return self.status, self.headers, self.answer

    def read(self, resource):
        path, _, query = self.handler.path.partition("?")
        kind, _, name = resource.removeprefix("/request/").partition("/")
        if resource == "/ssl/client/i/dn":
            return self.client_name()
        values = {
            "method": self.handler.command,
            "path": path,
            "host": self.handler.headers.get("Host", ""),
        }
        if kind == "body":
            return self.body
        if kind == "matches":
            return encoded(self.matches.get(name))
        if kind == "params":
            return encoded((urllib.parse.parse_qs(query).get(name) or [None])[0])
        if kind == "headers":
            return encoded(self.handler.headers.get(name))
        return encoded(values.get(kind))

    def client_name(self):
        """The caller's distinguished name, as Go writes it."""
        certificate = getattr(self.handler.connection, "getpeercert", dict)() or {}
        short = {"commonName": "CN", "organizationName": "O", "serialNumber": "SERIALNUMBER"}
        parts = [f"{short.get(k, k)}={v}" for part in certificate.get("subject", ()) for k, v in part]
        return ",".join(reversed(parts)).encode() if parts else None

    def write(self, resource, value):
        kind, _, name = resource.removeprefix("/response/").partition("/")
        if kind == "status":
            self.status = int(value)
        elif kind in ("body", "stream"):
            self.answer += value
        elif kind == "headers" and name:
            self.headers[name] = value.decode()
        else:
            return False
        return True


def encoded(value):
    return None if value is None else value.encode()
