"""The subcommands: server, route, get, set."""

import os
import sys

import control
import data
import flags
import server

CONTROL_URL = "https://localhost:8081"
DATA_URL = "http://localhost:8082"


def main(arguments):
    command, rest = (arguments[:1] or [""])[0], arguments[1:]
    commands = {"server": run_server, "route": route, "get": get, "set": put}
    if command not in commands:
        fail(f'unknown command "{command}" for "kapow"')
    try:
        commands[command](rest)
    except flags.FlagError as error:
        fail(str(error))


def fail(message):
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(1)


def run_server(arguments):
    values, programs = flags.parse(
        arguments,
        {
            "bind": "0.0.0.0:8080",
            "control-bind": "localhost:8081",
            "data-bind": "localhost:8082",
            "control-reachable-addr": "localhost:8081",
            "certfile": "",
            "keyfile": "",
            "clientcafile": "",
        },
        booleans=("clientauth", "debug"),
    )
    if (values["certfile"] == "") != (values["keyfile"] == ""):
        fail("expected both or neither (certfile and keyfile)")
    if values["clientauth"] and values["certfile"] == "":
        fail("Client authentication can't be active in a non https server")
    server.run(values, programs)


def route(arguments):
    action, rest = (arguments[:1] or [""])[0], arguments[1:]
    default = os.environ.get("KAPOW_CONTROL_URL", CONTROL_URL)
    values, others = flags.parse(
        rest,
        {"control-url": default, "method": "GET", "entrypoint": "", "command": ""},
        short={"X": "method", "e": "entrypoint", "c": "command"},
    )
    url = values["control-url"]
    if action == "list":
        print(control.call("GET", f"{url}/routes"))
    elif action == "remove" and len(others) == 1:
        control.call("DELETE", f"{url}/routes/{others[0]}")
    elif action == "add" and 1 <= len(others) <= 2:
        command = values["command"]
        if len(others) == 2 and command == "":
            command = sys.stdin.read() if others[1] == "-" else open(others[1]).read()
        print(control.add(url, values["method"], others[0], values["entrypoint"], command))
    else:
        fail(f"route {action}: wrong arguments")


def get(arguments):
    values, others = flags.parse(arguments, data_flags())
    if len(others) != 1:
        fail("accepts 1 arg(s)")
    sys.stdout.buffer.write(data.call("GET", values, others[0]))


def put(arguments):
    values, others = flags.parse(arguments, data_flags())
    if not 1 <= len(others) <= 2:
        fail("accepts between 1 and 2 arg(s)")
    body = others[1].encode() if len(others) == 2 else sys.stdin.buffer.read()
    data.call("PUT", values, others[0], body)


def data_flags():
    return {
        "data-url": os.environ.get("KAPOW_DATA_URL", DATA_URL),
        "handler": os.environ.get("KAPOW_HANDLER_ID", ""),
    }
