"""The data interface: what a route's command reads of its request and says as its answer."""

import http.server
import sys
import threading
import urllib.error
import urllib.request

# By handler id: see `server.Exchange`.
exchanges = {}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        exchange, resource = self.find()
        value = exchange and exchange.read(resource)
        self.answer(404 if value is None else 200, value or b"")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        exchange, resource = self.find()
        self.answer(200 if exchange and exchange.write(resource, body) else 404, b"")

    def find(self):
        _, _, handler, resource = (self.path.split("/", 3) + ["", "", ""])[:4]
        return exchanges.get(handler), f"/{resource}"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(bind):
    """In clear and without a question: whoever reaches it reads every request."""
    host, _, port = bind.rpartition(":")
    listener = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()


def call(method, values, resource, body=None):
    url = f"{values['data-url']}/handlers/{values['handler']}{resource}"
    try:
        request = urllib.request.Request(url, method=method, data=body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
    except OSError as error:
        print(f"{method} {resource}: {error}", file=sys.stderr)
        sys.exit(1)
