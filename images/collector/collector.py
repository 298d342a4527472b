"""A stand-in for CYBEX-P's collector: the same socket and habits, without its cryptography. Demo only.

Plain TCP on port 8080: one JSON object a connection, up to its end, and no answer. What is lost with the
real one is lost with this one: what waits in the socket's queue at a stop, and a record that the Backend
refuses too often.
"""

import json
import signal
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pprint import pprint

sys.path.append("/priv-libs/libs")

import yaml

import keys
import records
import services

PORT = 8080


class Switches:
    """What a SIGINT changes."""

    stopping = False


def on_interrupt(_signal, _frame):
    if Switches.stopping:
        sys.exit("Forced exiting now...")
    print("\nExiting: waiting for threads to finish working...(Press Ctrl+c to force)", flush=True)
    Switches.stopping = True


def optional(read, default):
    """The real one takes whatever goes wrong with an optional key for its absence."""
    try:
        return read()
    except Exception:
        return default


def whole(read, least, fallback):
    """An optional number: what is none, or below the least, counts as the fallback, too."""

    def checked():
        number = read()
        return number if number >= least else fallback

    return optional(checked, fallback)


def read_basic_auth(conf):
    # A user without a password switches it off, as in the real one.
    auth = optional(lambda: (conf["basic_auth"]["user"], conf["basic_auth"]["pass"]), None)
    print(f"Basic auth: {'disabled' if auth is None else 'enabled'}")
    return auth


def check_access(conf, auth):
    if auth is not None:
        if not services.test_auth(conf["kms"]["url"], auth):
            sys.exit("Test failed: KMS basic auth. quiting.")
        if not services.test_auth(conf["backend_server"]["url"], auth):
            sys.exit("Test failed: backend basic auth. quiting.")
    if not services.test_token(conf["kms"]["url"], conf["kms_access_key"], auth):
        sys.exit("Test failed: bad kms_access_key, KMS server could also be down.")


def receive(connection):
    """The record of one connection; None for what is no JSON."""
    received = b""
    try:
        while data := connection.recv(1024):  # without a time limit
            received += data
        return json.loads(received.decode())
    except Exception:
        traceback.print_exc()
        return None


def handle(connection, conf, auth, keychain, retries):
    show("N")
    try:
        record = receive(connection)
        if not record:
            return
        show("R")
        if debug(conf, "print_incoming_record"):
            framed(record, "=" * 50)
        encrypted = records.encrypt(record, conf["policy"], keychain)
        show("E")
        if encrypted is None:
            return
        if debug(conf, "do_not_post_data"):
            show("L")
            return
        post(conf["backend_server"]["url"], encrypted, auth, retries)
    finally:
        connection.close()


def post(url, encrypted, auth, retries):
    """Tries again at once, so that a short outage uses up all tries. What the last one stores gets no P."""
    stored = services.post_enc_data(url, encrypted, auth)
    for _ in range(retries):
        if stored:
            show("P")
            break
        show("F")
        stored = services.post_enc_data(url, encrypted, auth)
    if not stored:
        show("L")


def show(indicator):
    print(indicator, end="", flush=True)


def framed(value, frame):
    print(f"\n{frame}", flush=True)
    pprint(value)
    print(frame, flush=True)


def debug(conf, flag):
    return optional(lambda: conf["debug"][flag], False)


def main():
    print("CYBEX-P collector stand-in: demo, not for real data", flush=True)
    with open("/config.yaml", encoding="utf-8") as file:
        conf = yaml.load(file, Loader=yaml.FullLoader)
    retries = whole(lambda: conf["backend_server"]["max_post_retries"], 0, 0)
    workers = whole(lambda: conf["enc_worker_threads"], 1, 10)
    backlog = whole(lambda: conf["web_conn_listen"], 0, 0)
    auth = read_basic_auth(conf)
    check_access(conf, auth)
    keychain = keys.fetch_all(conf, auth)
    if debug(conf, "print_policy_config"):
        framed(conf, "#" * 50)

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.settimeout(0.2)
    listening.bind(("0.0.0.0", PORT))
    listening.listen(backlog)
    # Not before: until now a SIGINT ends the program with a traceback, as PID 1 too.
    signal.signal(signal.SIGINT, on_interrupt)
    print("Ready, waiting for new connetions...", flush=True)

    with ThreadPoolExecutor(max_workers=workers) as executor:
        while not Switches.stopping:
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            executor.submit(handle, connection, conf, auth, keychain, retries)
            if debug(conf, "process_only_one"):
                break
        # What was accepted is finished now. The socket still lets callers in, and nobody looks at them.
    print("", flush=True)


if __name__ == "__main__":
    main()
