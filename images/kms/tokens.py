"""JSON Web Tokens in `X-Authorization`, with the answers of flask-jwt-extended.

They never expire, and nothing but their signature is looked at: changing the key revokes them all.
"""

import functools
import time
import uuid

import flask
import jwt

import config

_HEADER = "X-Authorization"
_EXPECTED = f"Expected '{_HEADER}: Bearer <JWT>'"


class TokenError(Exception):
    """A refusal, with the HTTP status that goes with it."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


def create_token(username):
    now = int(time.time())
    claims = {
        "fresh": False,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "type": "access",
        "sub": username,
        "nbf": now,
    }
    return jwt.encode(claims, config.JWT_KEY, algorithm="HS256")


def token_required(view):
    """Answers 401 or 422 without a good token; else `flask.g.username` is who calls."""

    @functools.wraps(view)
    def guarded(*args, **kwargs):
        flask.g.username = _caller(flask.request.headers.get(_HEADER, ""))
        return view(*args, **kwargs)

    return guarded


def _caller(header):
    words = header.split()
    if not words:
        raise TokenError(f"Missing {_HEADER} Header", 401)
    if words[0] != "Bearer":
        raise TokenError(f"Missing 'Bearer' type in '{_HEADER}' header. {_EXPECTED}", 401)
    if len(words) != 2:
        raise TokenError(f"Bad {_HEADER} header. {_EXPECTED}", 422)
    try:
        claims = jwt.decode(words[1], config.JWT_KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise TokenError(str(error), 422) from None
    if claims.get("type") != "access":
        raise TokenError("Only non-refresh tokens are allowed", 422)
    if "sub" not in claims:
        raise TokenError("Missing claim: sub", 422)
    return claims["sub"]
