"""The settings, from the one place where CYBEX-P's KMS looks."""

import yaml

with open("/config.yaml", encoding="utf-8") as file:
    _conf = yaml.safe_load(file)

# Every key is required: a missing one is a KeyError at start, as in the real service.
JWT_KEY = bytes.fromhex(_conf["FLASK_JWT_SECRET_KEY"])
DEBUG = _conf["FLASK_DEBUG"]
ORE_KEY_LENGTH = _conf["ORE_KEY_LENGTH"]
ORE_RANGE = {
    "ORE_IN_MIN": _conf["OPE_IN_MIN"],
    "ORE_IN_MAX": _conf["OPE_IN_MAX"],
    "ORE_OUT_MIN": _conf["OPE_OUT_MIN"],
    "ORE_OUT_MAX": _conf["OPE_OUT_MAX"],
}
DATABASE_URI = _conf["backed_DB_uri"]
DATABASE_NAME = _conf["db_name"]
ATTRIBUTES_COLLECTION = _conf["attrib_col_name"]
USERS_COLLECTION = _conf["users_col_name"]
DE_KEY_FILE = _conf["DE_key_location"]
ORE_KEY_FILE = _conf["ORE_key_location"]
