"""add_account.py USER PASSWORD admin: makes an account and prints it.

The exit code is 0 whatever happens, as with the real program: read the output.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # for callers that use runpy

import accounts  # noqa: E402
from tokens import create_token  # noqa: E402


def main(arguments):
    if len(arguments) not in (2, 3):
        print("usage: add_account.py USER PASSWORD [admin]")
        return
    admin = arguments[2:] == ["admin"]
    try:
        name, _ = accounts.create_user(arguments[0], arguments[1], admin=admin)
    except Exception as error:
        print(error)
        return
    print({"access_token": create_token(name), "admin": admin, "username": name})


if __name__ == "__main__":
    main(sys.argv[1:])
