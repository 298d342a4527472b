"""Calls to the KMS and the Backend, as the real collector's library makes them: a new connection for each,
no time limit, and only an environment variable says which authorities are trusted."""

import pickle

import requests


def test_auth(url, auth):
    return requests.get(url=f"{url}/", auth=auth).status_code < 300


def test_token(kms_url, token, auth):
    answer = requests.get(url=f"{kms_url}/user/me", headers=bearer(token), auth=auth)
    return answer.status_code < 300


def get_key(name, kms_url, token, auth):
    """The body of whatever the answer is: the real one doesn't look at the status either."""
    return requests.get(f"{kms_url}/get/key/{name}", headers=bearer(token), auth=auth).content


def get_range(kms_url, token, auth):
    """JSON. Raises for an answer that is no good."""
    answer = requests.get(f"{kms_url}/get/range/ore", headers=bearer(token), auth=auth)
    answer.raise_for_status()
    return answer.content


def post_enc_data(url, record, auth):
    try:
        if type(record["index"]) is not list:
            return False
        answer = requests.post(
            url=f"{url}/add/enc-data",
            data=pickle.dumps(record),
            headers={"Content-Type": "application/octet-stream"},
            auth=auth,
        )
        return answer.status_code < 300
    except Exception:
        return False


def bearer(token):
    return {"X-Authorization": f"Bearer {token}"}
