/**
 * Python for the inside of the KMS's container: for Python 3.6, which the real image has, with nothing that the KMS
 * doesn't need itself. Each reads JSON from standard input and prints JSON. Secrets come in no other way.
 */
import { SERVICE_PORT } from "./standIn.ts";

/** What the name of a user's key file begins with. */
export const USER_KEY = "cpabe-sk-CPabe_BSW07-";

/**
 * Looks up names: the accounts in the database, and the users' key files.
 *
 * A key is a pickle of plain values, its attributes under `S`. It is read without running anything that is in it.
 */
export const LOOK = `
import hashlib, io, json, os, pickle, sys
import pymongo, yaml

class Plain(pickle.Unpickler):
    def find_class(self, module, name):
        raise pickle.UnpicklingError(name)

def key_of(name):
    path = "/secrets/${USER_KEY}" + name + ".binary"
    try:
        with open(path, "rb") as file:
            content = file.read()
        # Made by a master key of before, it opens nothing of what this one's public key locks.
        older = os.stat(path).st_mtime < os.stat("/secrets/cpabe-mk.binary").st_mtime
    except FileNotFoundError:
        return None
    try:
        # Of a key that /user/rekey made, it is a map.
        attributes = list(Plain(io.BytesIO(content)).load()["S"])
        if not all(type(one) is str for one in attributes):
            attributes = None
    except Exception:
        attributes = None
    return {"attributes": attributes, "older": older}

def account_of(name):
    user = database[conf["users_col_name"]].find_one({"username": name})
    if user is None:
        return None
    made = hashlib.sha256(bytes(user.get("salt") or b"")).hexdigest()[:12]
    return {"admin": user.get("admin") is True, "made": made}

def recorded_of(name):
    found = database[conf["attrib_col_name"]].find({"username": name})
    lists = [one.get("attributes") for one in found]
    lists = [one for one in lists if type(one) is list and all(type(a) is str for a in one)]
    return lists[-1] if lists else None

asked = json.load(sys.stdin)
with open("/config.yaml") as file:
    conf = yaml.safe_load(file)
patience = asked["patience"] * 1000
client = pymongo.MongoClient(conf["backed_DB_uri"], serverSelectionTimeoutMS=patience)
database = client[conf["db_name"]]
try:
    found = {
        name: {"account": account_of(name), "recorded": recorded_of(name), "key": key_of(name)}
        for name in asked["names"]
    }
except pymongo.errors.PyMongoError:
    found = None
print(json.dumps({"found": found}))
`;

/**
 * Removes users, but no administrators, and their keys: the KMS makes no second key for an account that it has. Only
 * for keys that are worth nothing any more.
 */
export const FORGET = `
import json, os, sys
import pymongo, yaml

asked = json.load(sys.stdin)
with open("/config.yaml") as file:
    conf = yaml.safe_load(file)
database = pymongo.MongoClient(conf["backed_DB_uri"], serverSelectionTimeoutMS=20000)[conf["db_name"]]
for name in asked["names"]:
    if (database[conf["users_col_name"]].find_one({"username": name}) or {}).get("admin") is True:
        continue
    database[conf["users_col_name"]].delete_one({"username": name})
    database[conf["attrib_col_name"]].delete_many({"username": name})
    try:
        os.remove("/secrets/${USER_KEY}" + name + ".binary")
    except FileNotFoundError:
        pass
print(json.dumps({"done": True}))
`;

/**
 * Makes an administrator with the KMS's own program, which takes the password as an argument, and prints a token. Its
 * exit code is always 0, so only what it prints tells how it ended.
 */
export const MAKE_ADMINISTRATOR = `
import contextlib, io, json, runpy, sys

asked = json.load(sys.stdin)
sys.argv = ["add_account.py", asked["name"], asked["password"], "admin"]
sys.path.insert(0, "/kms-server")
printed, trouble = io.StringIO(), None
with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
    try:
        runpy.run_path("/kms-server/add_account.py", run_name="__main__")
    except BaseException as error:
        trouble = type(error).__name__
text = printed.getvalue()
known = ["user already exists", "Bad username", "failed to insert new user to DB", "Account type not valid"]
said = [one for one in known if one in text]
print(json.dumps({
    "made": "access_token" in text and not said,
    "said": said[0] if said else trouble,
}))
`;

/** Calls the KMS where it listens, past every proxy. What it answers to a good request may be secret. */
export const CALL = `
import json, sys
import urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

def call(asked):
    headers, data = {}, None
    if "token" in asked:
        headers["X-Authorization"] = "Bearer " + asked["token"]
    if asked["method"] == "POST":
        data = json.dumps(asked["body"]).encode() if "body" in asked else b""
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(
        "http://127.0.0.1:${SERVICE_PORT}" + asked["path"], data=data, headers=headers, method=asked["method"]
    )
    try:
        with opener.open(request, timeout=asked["patience"]) as answer:
            return {"status": answer.getcode(), "size": len(answer.read()), "text": ""}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "size": 0, "text": error.read(200).decode("utf-8", "replace")}
    except Exception as error:
        return {"status": 0, "size": 0, "text": type(error).__name__}

with ThreadPoolExecutor(8) as pool:
    print(json.dumps(list(pool.map(call, json.load(sys.stdin)))))
`;
