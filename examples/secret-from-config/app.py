"""Says who called, and that its token is there."""

import http.server
import os

TOKEN = open(os.environ["TOKEN_FILE"]).read()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        user = self.headers["X-Authenticated-User"]
        text = f"{user} at {os.environ['INSTANCE']}, which has a token of {len(TOKEN)} characters\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
