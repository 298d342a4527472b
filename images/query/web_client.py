"""Calls to the KMS and the Backend, with the habits of CYBEX-P's library.

No call has a time limit or says whom to trust: only REQUESTS_CA_BUNDLE in the environment does. Two keys
are taken from the answer without a look at its status.
"""

import pickle

import requests


def test_auth(base_url, auth):
    return requests.get(f"{base_url}/", auth=auth).status_code < 300


def get_key(kms_url, name, token, auth):
    """Whatever the server answers; None if nothing does."""
    # Only the user's own secret key is had by POST.
    method = "POST" if name == "cpabe-sk" else "GET"
    try:
        url = f"{kms_url}/get/key/{name}"
        return requests.request(method, url, headers=_bearer(token), auth=auth).content
    except Exception:
        return None


def get_ore_params(kms_url, token, auth):
    """None for an answer that is no good."""
    try:
        answer = requests.get(f"{kms_url}/get/range/ore", headers=_bearer(token), auth=auth)
        return answer.json() if answer.status_code < 300 else None
    except Exception:
        return None


def query_enc_data(base_url, query, auth):
    """The answer's body; None for one that is no good."""
    try:
        answer = requests.post(
            f"{base_url}/query",
            data=pickle.dumps(query),
            headers={"Content-Type": "application/octet-stream"},
            auth=auth,
        )
        return answer.content if answer.status_code < 300 else None
    except Exception:
        return None


def _bearer(token):
    return {"X-Authorization": f"Bearer {token}"}
