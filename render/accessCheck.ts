/**
 * Asks both services from where a collector calls them, as it does at its start, and says which of name, TLS,
 * password, service and token is wrong. The collector itself doesn't tell a refusal from an outage.
 */

/** What the program reads as JSON on standard input. */
export interface AccessQuestion {
  readonly kmsUrl: string;
  readonly backendUrl: string;
  readonly user: string;
  /** Secret. */
  readonly password: string;
  /** Secret. */
  readonly token: string;
  /** PEM: the authorities that it trusts. */
  readonly authorities: string;
}

/** Python's own library only; 3.6 can run it. Prints "ok", or what is wrong in one sentence. */
export const ACCESS_CHECK = String.raw`
import base64, http.client, json, socket, ssl, sys, time
from urllib.parse import urlsplit

given = json.load(sys.stdin)
SECONDS = 40
basic = base64.b64encode((given["user"] + ":" + given["password"]).encode()).decode()


def ask(what, url, path, headers):
    parts = urlsplit(url)
    where = "%s:%s" % (parts.hostname, parts.port)
    try:
        socket.getaddrinfo(parts.hostname, parts.port)
    except socket.gaierror as error:
        return None, "DNS: the name %s does not resolve in the collector's network (%s)" % (parts.hostname, error.strerror)
    context = ssl.create_default_context(cadata=given["authorities"])
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status, None
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", None) or error.reason or str(error)
        return None, "TLS: the certificate at %s is not accepted (%s)" % (where, reason)
    except (OSError, http.client.HTTPException) as error:
        return None, "the %s does not answer at %s (%s)" % (what, where, type(error).__name__)
    finally:
        connection.close()


def check():
    auth = {"Authorization": "Basic " + basic}
    bearer = dict(auth, **{"X-Authorization": "Bearer " + given["token"]})
    for what, url, path, headers in (
        ("KMS", given["kmsUrl"], "/", auth),
        ("Backend", given["backendUrl"], "/", auth),
        ("KMS", given["kmsUrl"], "/user/me", bearer),
    ):
        status, trouble = ask(what, url, path, headers)
        if trouble is not None:
            return trouble
        # 429 is for a refused password that is one too many from here.
        if status in (401, 429) and path == "/":
            return "401: the proxy refuses the password of the user %s at the %s" % (given["user"], what)
        if status in (502, 504):
            return "%d: the proxy gets no answer from the %s" % (status, what)
        if path != "/" and status in (401, 422):
            return "token: the KMS refuses the token of the user %s (%d)" % (given["user"], status)
        if status >= 300:
            return "%d: the %s answers GET %s with an error" % (status, what, path)
    return None


# A door that has just started may still be looking for the proxy.
for left in (4, 3, 2, 1, 0):
    trouble = check()
    if trouble is None or trouble[:3] == "401" or left == 0:
        break
    time.sleep(1)
print("ok" if trouble is None else trouble)
`;
