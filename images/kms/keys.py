"""The key files under /secrets: silently made when missing, as the real KMS does.

The RSA public key is a real one. The CP-ABE files have the form of real ones, pickles of plain values, with random
bytes for the elements: nothing can be encrypted with them. Only a user key's attributes, `S`, are what they say.
"""

import base64
import os
import pickle
import secrets

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import config

MASTER_KEY_FILE = "/secrets/cpabe-mk.binary"
PUBLIC_KEY_FILE = "/secrets/cpabe-pk.binary"


def generate_system_keys():
    """Makes what is missing; an OSError tells that /secrets can't be written."""
    _write_if_missing(config.DE_KEY_FILE, _rsa_public_key)
    _write_if_missing(config.ORE_KEY_FILE, lambda: base64.b64encode(secrets.token_bytes(256)))
    # The pair is made anew if half of it is missing.
    if not (os.path.exists(MASTER_KEY_FILE) and os.path.exists(PUBLIC_KEY_FILE)):
        _write(MASTER_KEY_FILE, _pickled("beta", "g2_alpha"))
        _write(PUBLIC_KEY_FILE, _pickled("g", "g2", "h", "f", "e_gg_alpha"))


def generate_user_key(username, attributes):
    """Makes a user's key and gives True; one that is there already is kept, whatever its attributes."""
    path = _user_key_file(username)
    if os.path.exists(path):
        return False
    elements = {attribute: _element() for attribute in attributes}
    key = {"D": _element(), "Dj": elements, "Djp": dict(elements), "S": attributes}
    _write(path, pickle.dumps(key))
    return True


def read_de_key():
    return _read(config.DE_KEY_FILE)


def read_ore_key():
    return _read(config.ORE_KEY_FILE)


def read_public_key():
    return _read(PUBLIC_KEY_FILE)


def read_user_key(username):
    """The user's own secret key; an OSError where there is none: administrators have none."""
    return _read(_user_key_file(username))


def _user_key_file(username):
    return f"/secrets/cpabe-sk-CPabe_BSW07-{username}.binary"


def _rsa_public_key():
    # The private half is thrown away, as the real KMS does.
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _element():
    return b"1:" + base64.b64encode(secrets.token_bytes(65))


def _pickled(*names):
    return pickle.dumps({name: _element() for name in names})


def _write_if_missing(path, make):
    if not os.path.exists(path):
        _write(path, make())


def _write(path, content):
    # In place, and 0644 under the usual umask, as the real KMS does.
    with open(path, "wb") as file:
        file.write(content)


def _read(path):
    with open(path, "rb") as file:
        return file.read()
