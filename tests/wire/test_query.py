"""wire/query.py: requests that can be read, and what is said of those that cannot."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.wire.query import (
    ERROR_CODES,
    QueryError,
    Request,
    decode_request,
    encode_answer,
    encode_error,
)


def test_request_is_read_with_its_mark_and_arguments() -> None:
    body = b'{"request":"stations","id":"7","after":"CI.CCC.--.HH","limit":3}'
    request = decode_request(body)
    assert (request.name, request.id) == ("stations", "7")
    assert request.text("after") == "CI.CCC.--.HH"
    assert request.whole("limit", 100, 1, 500) == 3
    assert request.whole("page", 9, 1, 500) == 9
    assert request.text("other", "none") == "none"
    request.require_only("after", "limit")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "malformed", "not JSON"),
        (b"{", "malformed", "not JSON"),
        (b"\xff\xfe", "malformed", "not JSON"),
        (b'{"request":"\xff"}', "malformed", "not JSON"),
        (b"[" * 4096, "malformed", "not JSON"),
        (b"{}", "malformed", 'a text under "request"'),
        (b"[1]", "malformed", "a JSON object"),
        (b'"stations"', "malformed", "a JSON object"),
        (b'{"request":7}', "malformed", 'a text under "request"'),
        (b'{"request":"x","id":7}', "malformed", '"id": expected a text of up to 64 characters'),
        (b'{"request":"x","id":"' + b"7" * 65 + b'"}', "malformed", '"id"'),
        (b'{"request":"' + b"x" * 4096 + b'"}', "too-large", "found 4110 bytes, expected 4096"),
    ],
)
def test_request_that_cannot_be_read_is_refused_by_name(
    body: bytes, code: str, message: str
) -> None:
    with pytest.raises(QueryError) as refused:
        decode_request(body)
    assert refused.value.code == code
    assert message in refused.value.message


@pytest.mark.parametrize("value", ["3", 3.0, True, 0, 501, None, [3], 10**30])
def test_argument_that_is_no_such_number_is_refused(value: object) -> None:
    request = Request("x", None, {"limit": value})
    with pytest.raises(QueryError, match=r"limit: found .*, expected a whole number from 1 to 500"):
        request.whole("limit", 100, 1, 500)


@pytest.mark.parametrize("value", [3, None, "x" * 101, ["x"]])
def test_argument_that_is_no_text_is_refused(value: object) -> None:
    request = Request("x", None, {"after": value})
    with pytest.raises(QueryError, match=r"after: found .*, expected a text of up to 100") as found:
        request.text("after")
    assert len(str(found.value)) < 150


def test_unknown_argument_is_refused() -> None:
    with pytest.raises(QueryError, match=r"bad-argument: found 'limt', expected after, limit"):
        Request("x", None, {"limt": 1}).require_only("after", "limit")
    with pytest.raises(QueryError, match=r"found 'limt', expected none"):
        Request("x", None, {"limt": 1}).require_only()


def test_answers_and_errors_have_the_same_head() -> None:
    request = Request("stats", "7")
    head = {"schema": "umamba-rt/query/1", "request": "stats", "id": "7"}
    assert json.loads(encode_answer(request, {"uptime_s": 1.5})) == {**head, "uptime_s": 1.5}
    error = QueryError("too-many", "slower")
    told = {"code": "too-many", "message": "slower"}
    assert json.loads(encode_error(error, request)) == {**head, "error": told}
    unread = {**head, "request": None, "id": None}
    assert json.loads(encode_error(error)) == {**unread, "error": told}


def test_long_name_is_not_repeated_in_full() -> None:
    error = QueryError("unknown-request", "expected stats")
    assert len(encode_error(error, Request("x" * 4000))) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary(max_size=200) | JSON.map(lambda tree: json.dumps(tree).encode()))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    refused: QueryError | None = None
    try:
        request = decode_request(body)
    except QueryError as error:
        refused = error
    if refused is None:
        assert json.loads(body)["request"] == request.name
    else:
        assert refused.code in ERROR_CODES
        assert json.loads(encode_error(refused))["error"]["code"] == refused.code
