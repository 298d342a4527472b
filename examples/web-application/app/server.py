"""A small web application: a page with a style sheet and a script, a WebSocket, and server-sent events."""
import base64
import hashlib
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILES = {"/": "index.html", "/style.css": "style.css", "/app.js": "app.js"}
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class Application(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/socket":
            self.socket()
        elif self.path == "/events":
            self.events()
        elif self.path in FILES:
            self.file(FILES[self.path])
        else:
            self.send_error(404)

    def file(self, name):
        with open(os.path.join(os.path.dirname(__file__), name), "rb") as file:
            content = file.read()
        self.send_response(200)
        self.send_header("Content-Type", TYPES[os.path.splitext(name)[1]] + "; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def events(self):
        """Counts to three, and ends."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number in (1, 2, 3):
            self.wfile.write(b"data: %d\n\n" % number)
            time.sleep(0.3)

    def socket(self):
        """Says back each short message, until the caller has gone (RFC 6455)."""
        key = self.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.protocol_version = "HTTP/1.1"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(6)
            if len(head) < 6 or head[0] != 0x81 or head[1] & 0x7F > 125:
                return
            text = self.rfile.read(head[1] & 0x7F)
            said = bytes(byte ^ head[2 + at % 4] for at, byte in enumerate(text))
            self.wfile.write(bytes([0x81, len(said)]) + said)


ThreadingHTTPServer(("", 8000), Application).serve_forever()
