"""A stand-in for CYBEX-P's query module: the same command line and habits. Demo only."""

import argparse
import json
import sys
import traceback

sys.path.append("/priv-libs/libs")

import yaml

import key_files
import plain_pickle
import records
import web_client

CONFIG, OUTPUT = "/config.yaml", "/output"


def arguments():
    parser = argparse.ArgumentParser(description="Query the encrypted records.")
    parser.add_argument("query", metavar="QUERY")
    parser.add_argument(
        "-q",
        "--query-type",
        default="search",
        nargs="?",
        const="search",
        choices=["search", "count"],
    )
    parser.add_argument("-f", "--from-time", metavar="FROM", type=int)
    parser.add_argument("-t", "--to-time", metavar="TO", type=int)
    parser.add_argument("-l", "--left-inclusive", action="store_true")
    parser.add_argument("-r", "--right-inclusive", action="store_true")
    return parser.parse_args()


def basic_auth(conf):
    """User and password. With one of them missing, none: as the real one reads it."""
    try:
        auth = (conf["basic_auth"]["user"], conf["basic_auth"]["pass"])
        print("Baic auth: enabled")
        return auth
    except (KeyError, TypeError):
        print("Baic auth: disabled")
        return None


def ask(conf, args, index, auth):
    query = {
        "query_type": args.query_type,
        "index": index,
        "time_left": args.from_time,
        "time_right": args.to_time,
        "left_inclusive": args.left_inclusive,
        "right_inclusive": args.right_inclusive,
    }
    # What is not set is not sent.
    query = {key: value for key, value in query.items() if value}
    answer = web_client.query_enc_data(conf["backend_server"]["url"], query, auth)
    if answer is None:
        sys.exit("Failed to query server for data")
    return plain_pickle.loads(answer)


def write(found, args, attributes):
    with open(OUTPUT, "w", encoding="utf-8") as output:
        if args.query_type == "count":
            print(f"Count: {found['count']}")
            output.write(f"Count: {found['count']}\n")
            return
        for record in found:
            try:
                output.write(json.dumps(records.decrypt(record, attributes)) + "\n")
            except Exception:
                traceback.print_exc()


def main():
    args = arguments()
    with open(CONFIG, encoding="utf-8") as file:
        conf = yaml.load(file, Loader=yaml.FullLoader)
    auth = basic_auth(conf)
    if auth is not None:
        if not web_client.test_auth(conf["kms"]["url"], auth):
            sys.exit("Test failed: KMS basic auth. quiting.")
        if not web_client.test_auth(conf["backend_server"]["url"], auth):
            sys.exit("Test failed: backend basic auth. quiting.")
    # The token is not tested: a bad one spoils the key files.
    keys = key_files.get_all_keys(conf, auth)
    attributes = records.attributes_of(keys["sk"])
    print("sk[attribs]:", attributes)
    print("query:", args.query)
    try:
        index = records.index_of(args.query, keys["de"])
    except ValueError:
        traceback.print_exc()
        sys.exit(f"Failed to encrypt '{args.query}'")
    found = ask(conf, args, index, auth)
    try:
        write(found, args, attributes)
    except OSError:
        sys.exit("Could not open output file.")


if __name__ == "__main__":
    print("CYBEX-P query module stand-in: demo, not for real data", flush=True)
    main()
