"""The modules' records and queries, as pickles of plain values:

record  {"index": [bytes, ...], "timestamp": [int, ...]?, "cpabe_<field>": bytes, "de_<field>": bytes}
query   {"index": bytes, "query_type": "search" | "count", "time_left": int?, "time_right": int?,
         "left_inclusive": bool?, "right_inclusive": bool?}
"""

import dataclasses

import plain_pickle


class BadQuery(Exception):
    """What the real one answers 400 to."""


@dataclasses.dataclass(frozen=True)
class Query:
    term: str
    is_count: bool
    left: int | None
    right: int | None
    left_inclusive: bool
    right_inclusive: bool

    @property
    def has_time(self):
        return self.left is not None or self.right is not None


def read_record(body):
    """None for a body that is no record."""
    record = _plain_dict(body)
    index = record.get("index") if record else None
    if not isinstance(index, list) or not all(isinstance(term, bytes) for term in index):
        return None
    return record


def index_terms(body):
    """What a record can be found by, as the database has it."""
    record = read_record(body)
    return [_stored(term) for term in record["index"]] if record else []


def read_query(body):
    """None for a body that is no pickled query."""
    wanted = _plain_dict(body)
    if wanted is None:
        return None
    index, kind = wanted.get("index"), wanted.get("query_type")
    if not isinstance(index, bytes) or kind not in ("search", "count"):
        raise BadQuery("Query must contain 'index' and 'query_type': 'search' or 'count'")
    left, right = wanted.get("time_left"), wanted.get("time_right")
    if not all(time is None or type(time) is int for time in (left, right)):
        raise BadQuery("time_left and time_right must be whole numbers")
    return Query(
        term=_stored(index),
        is_count=kind == "count",
        left=left,
        right=right,
        left_inclusive=wanted.get("left_inclusive") is True,
        right_inclusive=wanted.get("right_inclusive") is True,
    )


def in_time(record, query, without_time):
    """Whether any of its times is after the left end and any is before the right one."""
    if not query.has_time:
        return True
    times = record.get("timestamp")
    if not isinstance(times, list) or not all(type(time) is int for time in times):
        return without_time
    left, right = query.left, query.right
    after = left is None or any(
        time > left or (query.left_inclusive and time == left) for time in times
    )
    before = right is None or any(
        time < right or (query.right_inclusive and time == right) for time in times
    )
    return after and before


def _stored(term):
    """Never like the SHA-256 of a body, which is stored beside it."""
    return f"term {term.hex()}"


def _plain_dict(body):
    try:
        value = plain_pickle.loads(body)
    except plain_pickle.NotPlain:
        return None
    return value if isinstance(value, dict) else None
