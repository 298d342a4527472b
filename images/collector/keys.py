"""The keys: a file in /secrets wins; a missing one is fetched from the KMS and stored.

The DE and ORE keys are stored whatever the KMS or a proxy answered, so an error page stays there as a key
until somebody deletes the file.
"""

import json
import sys
import traceback

import plain_pickle
import services


def fetch_all(conf, auth):
    url, token, files = conf["kms"]["url"], conf["kms_access_key"], conf["key_files"]

    def load(what, file, fetch, check):
        failure = f"Could not fetch {what} from KMS server({url})"
        return _load(files[file], lambda: fetch(url, token, auth), check, failure)

    def key(name):
        return lambda *access: services.get_key(name, *access)

    def pickled(content):
        plain_pickle.loads(content)
        return content

    return {
        "de": load("DE key", "de", key("de"), bytes),
        "ore": load("ORE key", "ore", key("ore"), bytes),
        "ore_params": load("ORE parameters", "ore_params", services.get_range, json.loads),
        "pk": load("CPABE Public Key", "cpabe_pub", key("cpabe-pk"), pickled),
    }


def _load(path, fetch, check, failure):
    """What `check` makes of the file. Nothing is stored that it refuses."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        try:
            content = fetch()
            key = check(content)
            with open(path, "wb") as file:
                file.write(content)
            return key
        except Exception:
            traceback.print_exc()
            sys.exit(failure)
    return check(content)
