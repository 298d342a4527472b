"""The keys: from the files in /secrets where these exist, else from the KMS, and then written there."""

import json
import sys
import traceback

import services


def fetch_all(conf, auth):
    kms, token = conf["kms"]["url"], conf["kms_access_key"]
    files = conf["key_files"]
    return {
        "de": _load(files["de"], lambda: services.get_key(kms, "/get/key/de", token, auth), "DE key"),
        "ore": _load(
            files["ore"], lambda: services.get_key(kms, "/get/key/ore", token, auth), "ORE key"
        ),
        "ore_params": json.loads(
            _load(
                files["ore_params"], lambda: _range(kms, token, auth), "ORE parameters"
            ).decode()
        ),
        "pk": _load(
            files["cpabe_pub"],
            lambda: services.get_key(kms, "/get/key/cpabe-pk", token, auth),
            "CPABE Public Key",
        ),
    }


def _range(kms, token, auth):
    found = services.get_range(kms, token, auth)
    if found is None:
        raise ValueError("no range")
    return json.dumps(found).encode()


def _load(path, fetch, what):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        try:
            key = fetch()
            with open(path, "wb") as file:
                file.write(key)
            return key
        except Exception:
            traceback.print_exc()
            sys.exit(f"Could not fetch {what} from KMS server")
