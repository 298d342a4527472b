"""The module's keys: a file wins; a missing one is fetched from the KMS and stored.

With the real library's habit: the DE and ORE keys are stored whatever the KMS or a proxy answered, so an
error page stays there as a key until somebody deletes the file.
"""

import json
import sys

import plain_pickle
import web_client


def get_all_keys(conf, auth):
    url, token, files = conf["kms"]["url"], conf["kms_access_key"], conf["key_files"]

    def any_key(name):
        return lambda: web_client.get_key(url, name, token, auth)

    def cpabe_key(name):
        # The real one decodes these two before it stores them.
        def fetch():
            key = web_client.get_key(url, name, token, auth)
            try:
                plain_pickle.loads(key)
            except Exception:
                return None
            return key

        return fetch

    def params():
        found = web_client.get_ore_params(url, token, auth)
        return None if found is None else json.dumps(found).encode()

    def load(what, file, fetch):
        return _load(files[file], fetch, f"Could not fetch {what} from KMS server({url})")

    return {
        "de": load("DE key", "de", any_key("de")),
        "ore": load("ORE key", "ore", any_key("ore")),
        "ore_params": json.loads(load("ORE parameters", "ore_params", params)),
        "pk": load("CPABE Public Key", "cpabe_pub", cpabe_key("cpabe-pk")),
        # Its message is the public key's, as in the real one.
        "sk": load("CPABE Public Key", "cpabe_secret", cpabe_key("cpabe-sk")),
    }


def _load(path, fetch, failure):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        key = fetch()
    if key is None:
        sys.exit(failure)
    with open(path, "wb") as file:
        file.write(key)
    return key
