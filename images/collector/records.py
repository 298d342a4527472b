"""Records as the real collector shapes them. The "encryption" is for show: anyone can read it.

What the policy says is obeyed, and the values keep their text, so that a test can tell records apart.
"""

import hashlib
import pickle
import re


def encrypt(record, policy, keychain):
    """None without an index: such a record is dropped."""
    result = {}
    left = set(record)
    for rule, key in _matches(policy["index"], left, record):
        result.setdefault("index", []).append(_comparable(record[key], keychain))
    if "index" not in result:
        return None
    times = policy.get("timestamp") or {}
    for rule, key in _matches(
        {kind: [{"match": rule} for rule in times.get(kind) or []] for kind in ("exact", "regex")},
        left,
        record,
    ):
        if isinstance(record[key], int) and record[key] > 0:
            result.setdefault("timestamp", []).append(record[key])
    for rule, key in _matches(policy, left, record):
        if rule.get("remove") is True:
            left.discard(key)
            continue
        if _store(result, key, record[key], rule, keychain):
            left.discard(key)
    for key in left:
        _store(result, key, record[key], policy["default"], keychain)
    return result


def _matches(rules, keys, record):
    """Each rule with each key that it matches: the exact ones first. A broken rule matches nothing."""
    for rule in rules.get("exact") or []:
        if isinstance(rule, dict) and rule.get("match") in record and rule["match"] in keys:
            yield rule, rule["match"]
    for rule in rules.get("regex") or []:
        if isinstance(rule, dict) and "match" in rule:
            for key in sorted(keys):
                if re.match(rule["match"], key):
                    yield rule, key


def _store(result, key, value, rule, keychain):
    if rule.get("de_encrypt") is True:
        result[f"de_{key}"] = _comparable(value, keychain)
    if "abe_pol" in rule:
        head = f"demo CP-ABE ({rule['abe_pol']}) ".encode()
        result[f"cpabe_{key}"] = head + pickle.dumps(value)
    return rule.get("de_encrypt") is True or "abe_pol" in rule


def _comparable(value, keychain):
    """The same bytes for the same value and key, which is all that the Backend's search needs."""
    return hashlib.sha256(keychain["de"] + str(value).encode()).digest()
