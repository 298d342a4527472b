"""Users and attributes in MongoDB."""

import hashlib
import hmac
import secrets

import pymongo

import config

_client = pymongo.MongoClient(config.DATABASE_URI, connect=False)
_users = _client[config.DATABASE_NAME][config.USERS_COLLECTION]
_attributes = _client[config.DATABASE_NAME][config.ATTRIBUTES_COLLECTION]


class AccountError(Exception):
    """A refusal, with the HTTP status that goes with it."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


def normalise(name):
    """`/` and spaces can't be in the name of a key file or of a CP-ABE attribute."""
    return name.replace("/", "__").replace(" ", "_")


def find_user(username):
    """The user, or None; also None when the database is down, as in the real service."""
    try:
        return _users.find_one({"username": normalise(username)})
    except Exception:  # whatever goes wrong looks like an unknown user
        return None


def password_is(user, password):
    return hmac.compare_digest(user["password"], _hash(password, user["salt"]))


def create_user(username, password, attributes=(), admin=False):
    """Stores a new user and gives (name, attributes) as stored."""
    if not isinstance(username, str) or not username.strip():
        raise AccountError("Bad username", 400)
    if not isinstance(password, str) or not password:
        raise AccountError("Bad password", 400)
    name = normalise(username)
    wanted = [normalise(attribute).upper() for attribute in attributes]
    if _users.find_one({"username": name}) is not None:
        raise AccountError("user already exists", 409)
    salt = secrets.token_bytes(32)
    _users.insert_one(
        {
            "username": name,
            "salt": salt,
            "password": _hash(password, salt),
            "admin": admin,
            "attributes": wanted,
        }
    )
    for attribute in wanted:
        _attributes.update_one(
            {"_id": attribute}, {"$set": {"name": attribute}}, upsert=True
        )
    return name, wanted


def all_attributes():
    return sorted(document["_id"] for document in _attributes.find())


def _hash(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 100_000)
