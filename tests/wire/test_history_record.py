"""wire/history_record.py: records of messages, and files of them that were damaged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.wire.history_record import Entry, decode_records, encode_record

ENTRIES = st.builds(
    Entry,
    topic=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
    seq=st.integers(0, 2**63),
    topic_seq=st.integers(0, 2**63),
    body=st.binary(max_size=200),
)


def decoded(content: bytes) -> list[Entry]:
    return [entry for entry, _ in decode_records(content)]


@given(st.lists(ENTRIES, max_size=8))
def test_records_come_back_as_they_were_written(entries: list[Entry]) -> None:
    content = b"".join(encode_record(entry) for entry in entries)
    found = list(decode_records(content))
    assert [entry for entry, _ in found] == entries
    for position, (_, end) in enumerate(found):
        assert decoded(content[end:]) == entries[position + 1 :]


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.data())
def test_cut_file_gives_all_records_before_the_cut(
    entries: list[Entry], data: st.DataObject
) -> None:
    records = [encode_record(entry) for entry in entries]
    content = b"".join(records)
    cut = data.draw(st.integers(0, len(content) - 1))
    whole = sum(len(b"".join(records[: n + 1])) <= cut for n in range(len(records)))
    assert decoded(content[:cut]) == entries[:whole]


@given(st.lists(ENTRIES, min_size=1, max_size=6), st.data())
def test_flipped_bit_ends_the_file_at_its_record(entries: list[Entry], data: st.DataObject) -> None:
    records = [encode_record(entry) for entry in entries]
    content = bytearray(b"".join(records))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    whole = sum(len(b"".join(records[: n + 1])) <= place for n in range(len(records)))
    assert decoded(bytes(content)) == entries[:whole]


@given(st.binary(max_size=300))
def test_noise_is_no_record(noise: bytes) -> None:
    assert decoded(noise) == []
