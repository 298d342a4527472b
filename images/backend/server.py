"""A stand-in for CYBEX-P's Backend: the same HTTP API and habits. Demo only.

The real Backend unpickles what it is sent. This one never does: it reads pickles of plain values as data
(plain_pickle.py). It stores all bodies as they come, counts them, and gives one back by its SHA-256. A
body that is a module's record is also found by what stands in its index.
"""

import hashlib
import pickle
import sys
import threading
import traceback

import flask
import pymongo
import yaml
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

sys.path.append("/priv-libs/libs")

from records import BadQuery, in_time, index_terms, read_query, read_record

with open("/config.yaml", encoding="utf-8") as file:
    conf = yaml.safe_load(file)

# Every key is required: a missing one is a KeyError at start, as in the real service.
for switch in (
    "debug_mode_flask",
    "debug",
    "print_time_comparison",
    "print_pre_time_filtered_data",
    "print_time_filtered_data",
    "print_response",
    "add_missing_data_to_response_on_missing_time",
):
    conf[switch]

ADD_WITHOUT_TIME = conf["add_missing_data_to_response_on_missing_time"]

# MongoDB's largest document, less the record's other fields.
MAX_BODY = 16 * 1024 * 1024 - 512
MAX_THREADS = 64

# `connect=False`: the start waits for the database where it makes the index, not here.
client = pymongo.MongoClient(conf["backed_DB_uri"], connect=False)
records = client[conf["db_name"]][conf["col_name"]]

app = flask.Flask(__name__)


@app.get("/")
def status():
    return "up"  # without a look at the database: it says nothing about it


@app.post("/add/enc-data")
def add():
    try:
        body = flask.request.get_data()
        if not 0 < len(body) <= MAX_BODY:
            return "", 400
        # One field for both, which has the database's index.
        terms = [hashlib.sha256(body).hexdigest(), *index_terms(body)]
        records.insert_one({"index": terms, "body": body})
    except Exception:  # 400 for everything that goes wrong, a database that is down included
        traceback.print_exc()
        return "", 400
    return "", 201


@app.post("/query")
def query():
    """A module's query gives a pickle, as the real one does.

    Beside that, `{"sha256": HEX}` gives that record's body, or 400; any other body gives `{"count": N}`.
    """
    body = flask.request.get_data()
    try:
        asked = read_query(body)
    except BadQuery as error:
        return str(error), 400
    if asked is not None:
        return flask.Response(pickle.dumps(search(asked)), mimetype="text/html")
    wanted = flask.request.get_json(force=True, silent=True)
    if not isinstance(wanted, dict) or "sha256" not in wanted:
        return flask.jsonify(count=records.count_documents({}))
    record = records.find_one({"index": str(wanted["sha256"])})
    if record is None:
        return "no such record", 400
    return flask.Response(record["body"], mimetype="application/octet-stream")


def search(asked):
    mine = {"index": asked.term}
    if asked.is_count and not asked.has_time:
        return {"count": records.count_documents(mine)}
    # Like the real one: all of them first, and then those of the time. No paging.
    found = [read_record(record["body"]) for record in records.find(mine)]
    found = [record for record in found if in_time(record, asked, ADD_WITHOUT_TIME)]
    return {"count": len(found)} if asked.is_count else found


class Http10(WSGIRequestHandler):
    """One request a connection, as the Werkzeug that CYBEX-P runs on."""

    protocol_version = "HTTP/1.0"


class Server(ThreadedWSGIServer):
    """A thread a request, as `app.run(threaded=True)`, but no more than the container may have.

    Under more load than that, connections wait to be accepted instead of being dropped.
    """

    _free = threading.BoundedSemaphore(MAX_THREADS)

    def process_request(self, request, client_address):
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


if __name__ == "__main__":
    print("CYBEX-P Backend stand-in: demo, not for real data", flush=True)
    records.create_index("index")  # no database: a traceback and exit code 1
    server = Server("0.0.0.0", 5000, app, handler=Http10)
    server.log_startup()
    server.serve_forever()
