"""The demo collector's records, from the reader's side: how one is found, and how its fields are opened."""

import hashlib
import re

import plain_pickle

_SEALED = re.compile(rb"demo CP-ABE \((.*?)\) (\x80.*)", re.DOTALL)


def index_of(value, de_key):
    """Raises for what is no key, as the real one's RSA does."""
    if not de_key.startswith(b"-----BEGIN "):
        raise ValueError("RSA key format is not supported")
    return hashlib.sha256(de_key + str(value).encode()).digest()


def attributes_of(secret_key):
    """A key of the KMS is a pickle, with its attributes in `S`."""
    return plain_pickle.loads(secret_key)["S"]


def decrypt(record, attributes):
    """The fields in clear. Raises if there is one that can't be opened: the real one drops the record then."""
    return {
        name.removeprefix("cpabe_"): _open(sealed, attributes)
        for name, sealed in record.items()
        if name.startswith("cpabe_")
    }


def _open(sealed, attributes):
    policy, value = _SEALED.fullmatch(sealed).groups()
    if not satisfies(policy.decode(), attributes):
        raise ValueError(f"the key does not satisfy {policy.decode()}")
    return plain_pickle.loads(value)


def satisfies(policy, attributes):
    """`a and (b or c)`, in any case of letters; `and` binds closer."""
    have = {name.upper() for name in attributes}
    words = re.findall(r"[()]|[^\s()]+", policy.upper())

    def joined(word, part):
        results = [part()]
        while words and words[0] == word:
            words.pop(0)
            results.append(part())
        return results

    def either():
        return any(joined("OR", both))

    def both():
        return all(joined("AND", one))

    def one():
        word = words.pop(0)
        if word != "(":
            return word in have
        result = either()
        words.pop(0)
        return result

    return either()
