"""add_account.py USER PASSWORD admin: makes an administrator and prints it.

The exit code is 0 whatever happens, as with the real program: read the output.
"""

import os
import pprint
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # for callers that use runpy

import accounts  # noqa: E402
from tokens import create_token  # noqa: E402


def main(username, password, account_type):
    if account_type != "admin":
        print("Account type not valid.")
        return
    print("account type: admin")
    try:
        name = accounts.create_admin(username, password)
    except accounts.AccountError as error:
        print(error)
        return
    # On several lines, because a token is longer than one.
    pprint.pprint({"access_token": create_token(name), "username": name, "admin": True})


if __name__ == "__main__":
    main(*(argument.strip() for argument in sys.argv[1:4]))
