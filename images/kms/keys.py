"""The key files under /secrets: silently made when missing, as the real KMS does.

The RSA public key is a real one. The CP-ABE files are random stand-ins: nothing can be encrypted
with them.
"""

import base64
import os
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
    _write_if_missing(MASTER_KEY_FILE, lambda: _stand_in("master key", 156))
    _write_if_missing(PUBLIC_KEY_FILE, lambda: _stand_in("public key", 612))


def generate_user_key(username, attributes):
    """Makes a user's key; one that is there already is kept, whatever its attributes."""
    text = f"secret key of {username} for {','.join(attributes)}"
    _write_if_missing(_user_key_file(username), lambda: _stand_in(text, 512))


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


def _stand_in(text, size):
    head = f"demo CP-ABE {text}\n".encode()
    return head + secrets.token_bytes(max(32, size - len(head)))


def _write_if_missing(path, make):
    if os.path.exists(path):
        return
    unfinished = f"{path}.{secrets.token_hex(4)}.tmp"
    with open(unfinished, "wb") as file:  # 0644 under the usual umask, as the real files are
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _read(path):
    with open(path, "rb") as file:
        return file.read()
