"""The control interface: routes, for whoever has the client certificate that was made at the start."""

import datetime
import http.server
import json
import os
import ssl
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVER_CERT = "KAPOW_CONTROL_SERVER_CERT"
CLIENT_CERT = "KAPOW_CONTROL_CLIENT_CERT"
CLIENT_KEY = "KAPOW_CONTROL_CLIENT_KEY"


def make_pair(name):
    """A self-signed certificate and its key, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


def context(purpose, own_certificate, own_key, peer_certificate):
    result = ssl.create_default_context(purpose, cadata=peer_certificate)
    result.verify_mode = ssl.CERT_REQUIRED
    # The library takes a file only.
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(own_certificate + own_key)
        file.flush()
        result.load_cert_chain(file.name)
    return result


def serve(bind, reachable, routes):
    """Serves in the background; gives the environment that the init programs get beside the server's."""
    server_certificate, server_key = make_pair(reachable.rpartition(":")[0])
    client_certificate, client_key = make_pair("control")
    tls = context(ssl.Purpose.CLIENT_AUTH, server_certificate, server_key, client_certificate)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, [public(route) for route in routes])

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            route = {
                "id": str(uuid.uuid1()),
                "method": body["method"],
                "url_pattern": body["url_pattern"],
                "entrypoint": body.get("entrypoint") or "/bin/sh -c",
                "command": body.get("command", ""),
            }
            if not route["url_pattern"].startswith("/"):
                self.answer(422, {"reason": "Invalid Route"})
                return
            routes.append(route)
            self.answer(201, public(route))

        def do_DELETE(self):
            found = [route for route in routes if self.path == f"/routes/{route['id']}"]
            for route in found:
                routes.remove(route)
            self.answer(204 if found else 404, None)

        def answer(self, status, content):
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    host, _, port = bind.rpartition(":")
    listener = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    listener.socket = tls.wrap_socket(listener.socket, server_side=True)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return {
        SERVER_CERT: server_certificate,
        CLIENT_CERT: client_certificate,
        CLIENT_KEY: client_key,
    }


def public(route):
    return {**route, "index": 0}


def call(method, url, content=None):
    request = urllib.request.Request(
        url, method=method, data=None if content is None else json.dumps(content).encode()
    )
    try:
        tls = context(
            ssl.Purpose.SERVER_AUTH,
            os.environ[CLIENT_CERT],
            os.environ[CLIENT_KEY],
            os.environ[SERVER_CERT],
        )
        with urllib.request.urlopen(request, context=tls, timeout=10) as answer:
            return answer.read().decode()
    except (KeyError, OSError) as error:
        print(f"{method} {url}: {error}", file=sys.stderr)
        sys.exit(1)


def add(url, method, pattern, entrypoint, command):
    route = {
        "method": method,
        "url_pattern": pattern,
        "entrypoint": entrypoint,
        "command": command,
    }
    return call("POST", f"{url}/routes", route)
