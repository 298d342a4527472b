"""Records as the real collector shapes them. The "encryption" is for show: anyone can read it.

What the policy says is obeyed, and the values keep their text, so that a test can tell records apart. What
goes wrong with a rule or a value is passed over, as in the real one, so that a field can be missing.
"""

import datetime
import hashlib
import pickle
import re
import traceback


def encrypt(record, policy, keychain):
    """None without an index: such a record is dropped."""
    left = list(record.keys())  # a list or a number has none: its thread ends here
    result = {}
    for name in _once(policy["index"], record, lambda rule: rule["match"]):
        result.setdefault("index", []).append(_comparable(record[name], keychain))
    if "index" not in result:
        print("skiping, no index created", flush=True)
        return None
    for name in _once(policy.get("timestamp"), record, lambda rule: rule):
        time = _time(record[name], keychain["ore_params"])
        if time:
            result.setdefault("timestamp", []).append(time)
    for kind, names in _KINDS:
        done = set()
        for rule in _rules(policy, kind):
            for name in names(rule, record, left):
                if _is_true(rule.get("remove")) or _store(result, name, record[name], rule, keychain):
                    done.add(name)
        left = [name for name in left if name not in done]
    if "default" not in policy:
        # It isn't: what no rule matches is left out.
        print(
            "WARNING: 'ALL or PUBLIC or DEFAULT' is being used as default fallback"
            " as no default policy was provided."
        )
    elif isinstance(policy["default"], dict):
        for name in left:
            _store(result, name, record[name], policy["default"], keychain)
    return result


def _once(rules, record, pattern_of):
    """The names that a rule matches: those in `exact`, and then of the others those in `regex`."""
    left = list(record)
    for kind, names in _KINDS:
        for rule in _rules(rules, kind):
            try:
                found = names({"match": pattern_of(rule)}, record, left)
            except Exception:
                continue
            yield from found
            left = [name for name in left if name not in found]


def _rules(policy, kind):
    rules = policy.get(kind) if isinstance(policy, dict) else None
    return rules if isinstance(rules, list) else []


def _exact(rule, record, _left):
    """Also what an earlier rule has matched."""
    try:
        return [rule["match"]] if rule["match"] in record else []
    except Exception:
        return []


def _regex(rule, _record, left):
    try:
        return [name for name in left if re.match(rule["match"], name)]
    except Exception:
        return []


_KINDS = (("exact", _exact), ("regex", _regex))


def _store(result, name, value, rule, keychain):
    """Whether anything of it is stored."""
    has_de = _is_true(rule.get("de_encrypt"))
    if has_de:
        result[f"de_{name}"] = _comparable(value, keychain)
    if "abe_pol" in rule:
        head = f"demo CP-ABE ({rule['abe_pol']}) ".encode()
        result[f"cpabe_{name}"] = head + pickle.dumps(value)
    return has_de or "abe_pol" in rule


def _is_true(value):
    return value is True or value in ("t", "true", "True")


def _comparable(value, keychain):
    """The same bytes for the same value and key, which is all that the Backend's search needs.

    With a key that is none, None: the record is sent all the same, and nobody can find it.
    """
    try:
        if not keychain["de"].startswith(b"-----BEGIN "):
            raise ValueError("RSA key format is not supported")
        return hashlib.sha256(keychain["de"] + str(value).encode()).digest()
    except Exception:
        traceback.print_exc()
        return None


def _time(value, limits):
    """Seconds since 1970; None for what is no time. The real one knows more ways to write one than ISO 8601."""
    try:
        if value is None:
            return None
        if type(value) is not int:
            value = int(datetime.datetime.fromisoformat(value).timestamp())
        if value <= 0:
            return None
        # As the real one's cipher: a limit that came as a fraction makes every time vanish.
        if not all(type(limit) is int for limit in limits.values()):
            raise ValueError("invalid range limits")
        if not limits["ORE_IN_MIN"] <= value <= limits["ORE_IN_MAX"]:
            raise ValueError("out of range")
        return value
    except Exception:
        traceback.print_exc()
        return None
