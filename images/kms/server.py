"""A stand-in for CYBEX-P's KMS: the same HTTP API and habits, without its cryptography. Demo only."""

import random
import sys
import time

import flask
from werkzeug.serving import WSGIRequestHandler

import accounts
import config
import keys
from tokens import TokenError, create_token, token_required

app = flask.Flask(__name__)


@app.errorhandler(TokenError)
def bad_token(error):
    return flask.jsonify(msg=str(error)), error.status


@app.get("/")
def status():
    return "up\n"  # without a look at the database: it says nothing about it


@app.post("/login")
def login():
    body = json_body()
    username, password = body.get("username"), body.get("password")
    if not isinstance(username, str) or not isinstance(password, str):
        return "Bad request", 400
    time.sleep(random.uniform(0.1, 0.5))  # the real one: 1 to 5 s
    user = accounts.find_user(username)
    if user is None:
        return "Bad credentials", 401
    if not accounts.password_is(user, password):
        return "", 403
    return flask.jsonify(access_token=create_token(user["username"]))


@app.get("/user/me")
@token_required
def me():
    return flask.jsonify(logged_in_as=flask.g.username)


@app.post("/user/create")
@token_required
def create_user():
    if not caller_is_admin():
        return "Forbidden", 403
    body = json_body()
    username, attributes = body.get("username"), body.get("attributes")
    if not isinstance(username, str) or not is_list_of_strings(attributes):
        return "attributes must be a list of strings", 400
    if body.get("password") != body.get("password2"):
        return "password and password2 must match", 400
    try:
        name, stored = accounts.create_user(username, body.get("password"), attributes)
    except accounts.AccountError as error:
        return str(error), error.status
    answer = {"access_token": create_token(name), "attributes": stored, "username": name}
    return flask.jsonify(answer), 201


@app.post("/user/rekey")
@token_required
def rekey():
    if not caller_is_admin():
        return "Forbidden", 403
    username = json_body().get("username")
    if not isinstance(username, str):
        return "", 400
    name = accounts.normalise(username)
    found = accounts.recorded_attributes(name)
    if found is None:
        return "User does not exist, please create instead", 400
    # As broken as the real one: the document in place of its list gives a key for "attributes" alone, and a
    # key that exists is kept. The answer is the same.
    accounts.make_key(name, found)
    return "created", 201


@app.get("/get/key/de")
@token_required
def de_key():
    return keys.read_de_key()


@app.get("/get/key/ore")
@token_required
def ore_key():
    return keys.read_ore_key()


@app.get("/get/key/cpabe-pk")
@token_required
def public_key():
    return keys.read_public_key()


@app.post("/get/key/cpabe-sk")
@token_required
def user_key():
    return keys.read_user_key(flask.g.username)  # 500 where there is none


@app.get("/get/attributes")
@token_required
def attributes():
    return flask.jsonify(attributes=accounts.all_attributes())  # 500 when the database is down


@app.get("/get/range/ore")
@token_required
def ore_range():
    return flask.jsonify(config.ORE_RANGE)


def caller_is_admin():
    user = accounts.find_user(flask.g.username)
    return user is not None and user.get("admin") is True


def is_list_of_strings(value):
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def json_body():
    body = flask.request.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


class Http10(WSGIRequestHandler):
    """One request a connection, as the Werkzeug that CYBEX-P runs on."""

    protocol_version = "HTTP/1.0"


if __name__ == "__main__":
    print("CYBEX-P KMS stand-in: demo, not for real data", flush=True)
    if config.DEBUG:
        print("FLASK_DEBUG is true: ignored here; the real KMS would run any caller's code")
    try:
        keys.generate_system_keys()
    except OSError as error:
        print(error)
        sys.exit("Failed to generate system keys. Exiting.")
    app.run("0.0.0.0", 5000, threaded=True, request_handler=Http10)
