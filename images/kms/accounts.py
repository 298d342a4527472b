"""Users and attributes in MongoDB."""

import hashlib
import hmac
import secrets

import pymongo

import config
import keys

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
        return _users.find_one({"username": username})
    except Exception:  # whatever goes wrong looks like an unknown user
        return None


def password_is(user, password):
    return hmac.compare_digest(user["password"], _hash(password, user["salt"]))


def create_admin(username, password):
    """Stores a new administrator, who gets no key, and gives the name as stored."""
    if not username:
        raise AccountError("Bad username", 400)
    name = normalise(username)
    if find_user(name):
        raise AccountError("user already exists", 409)
    try:
        _insert(name, password, admin=True)
    except pymongo.errors.PyMongoError:
        raise AccountError("failed to insert new user to DB", 500) from None
    return name


def create_user(username, password, attributes):
    """Stores a new user with a key and gives (name, attributes) as stored."""
    name = normalise(username)
    wanted = [normalise(attribute).upper() for attribute in attributes]
    if not name or not password or not wanted:
        raise AccountError("missing fields", 400)
    if find_user(name):
        raise AccountError("user already exists", 409)
    # The key comes first. One that is there already is kept, whatever its attributes are: a user whose
    # account was lost silently gets the old one.
    make_key(name, wanted)
    _insert(name, password, admin=False)
    return name, wanted


def make_key(name, attributes):
    """Makes a user's key and remembers what it is for, unless there is one."""
    if keys.generate_user_key(name, attributes):
        _attributes.insert_one({"username": name, "attributes": attributes})


def recorded_attributes(name):
    return _attributes.find_one({"username": name}, {"attributes": 1, "_id": 0})


def all_attributes():
    lists = [document.get("attributes", []) for document in _attributes.find()]
    return sorted({attribute for one in lists for attribute in one})


def _insert(name, password, admin):
    salt = secrets.token_bytes(32)
    hashed = _hash(password, salt)
    _users.insert_one({"username": name, "salt": salt, "password": hashed, "admin": admin})


def _hash(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 100_000)
