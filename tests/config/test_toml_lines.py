"""toml_lines.py: against documents whose lines are known."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from umamba_rt.config.toml_lines import KeyPath, key_lines

TRICKY = '''\
# a comment with [brackets] and "quotes
a = 1 # another = 2

[[seedlink]]
server = "host # no comment"
streams = [
    "A_B", # ] no end
    'C_D]',
]
tls = true
[seedlink.more]
x = 1
[[seedlink]]
server = """
[not.a.table]
key = "no key"""""
streams = ["E_F"]
[ window ]
hop_s = 0.5
"quoted.key" = 1
'lit\\eral' = \'\'\'
it's
''\'\'\'
dotted . inner."x y" = { a = "}", b = [1, 2] }
escaped = "a \\" = [ \\\\"
last = 1979-05-27 07:32:00'''


def test_lines_of_a_document_with_every_trap() -> None:
    tomllib.loads(TRICKY)
    assert key_lines(TRICKY) == {
        ("a",): 2,
        ("seedlink",): 4,
        ("seedlink", 0): 4,
        ("seedlink", 0, "server"): 5,
        ("seedlink", 0, "streams"): 6,
        ("seedlink", 0, "tls"): 10,
        ("seedlink", 0, "more"): 11,
        ("seedlink", 0, "more", "x"): 12,
        ("seedlink", 1): 13,
        ("seedlink", 1, "server"): 14,
        ("seedlink", 1, "streams"): 17,
        ("window",): 18,
        ("window", "hop_s"): 19,
        ("window", "quoted.key"): 20,
        ("window", "lit\\eral"): 21,
        ("window", "dotted"): 24,
        ("window", "dotted", "inner"): 24,
        ("window", "dotted", "inner", "x y"): 24,
        ("window", "escaped"): 25,
        ("window", "last"): 26,
    }


def test_blocks_within_blocks_belong_to_the_latest() -> None:
    text = "[[a]]\n[[a.b]]\nx=1\n[[a.b]]\nx=2\n[[a]]\n[[a.b]]\nx=3\n"
    lines = key_lines(text)
    assert lines["a", 0, "b", 1, "x"] == 5
    assert lines["a", 1, "b", 0, "x"] == 8


def test_windows_line_ends_and_an_empty_document() -> None:
    assert key_lines("") == {}
    assert key_lines("\r\n# c\r\n[a]\r\nb = 1\r\n") == {("a",): 3, ("a", "b"): 4}


NAMES = st.text("abcxyz_-019", min_size=1, max_size=4)
QUOTED = st.text("abc.][\"#=\\' \t", max_size=5)
VALUES = st.one_of(
    st.integers(-99, 99).map(str),
    st.booleans().map(lambda yes: str(yes).lower()),
    st.text("ab[]{}#=\"\\'\n", max_size=12).map(
        lambda text: '"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'
    ),
    st.text('ab[]{}#="\\\n', max_size=12).map(lambda text: f"'''{text}'''"),
    st.lists(st.text("a]#,'", max_size=4), max_size=3).map(
        lambda texts: "[ # [\n" + "".join(f'  "{text}", # ]"\n' for text in texts) + "]"
    ),
    st.text("a}#{", max_size=4).map(lambda text: f'{{ k = "{text}", l = [1] }}'),
)


def key_text(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return name if name and set(name) <= set("abcxyz_-019") else f'"{escaped}"'


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            NAMES,
            st.dictionaries(st.one_of(NAMES, QUOTED), VALUES, max_size=4),
            st.sampled_from(["", "\n", "# [c]\n", "  # 'c\n\n"]),
        ),
        max_size=5,
    )
)
def test_every_key_that_tomllib_reads_has_the_line_it_was_written_in(
    blocks: list[tuple[bool, str, dict[str, str], str]],
) -> None:
    text = ""
    expected: dict[KeyPath, int] = {}
    seen: dict[str, tuple[bool, int]] = {}
    for repeated, name, keys, blank in blocks:
        known, count = seen.get(name, (repeated, 0))
        if known != repeated or (count and not repeated):
            continue
        seen[name] = repeated, count + 1
        text += blank
        path: KeyPath = (name, count) if repeated else (name,)
        expected[path] = text.count("\n") + 1
        text += f"[[{name}]]\n" if repeated else f"[ {name} ]\n"
        for key, value in keys.items():
            expected[*path, key] = text.count("\n") + 1
            text += f" {key_text(key)}\t= {value} # end = [\n"
    tree = tomllib.loads(text)
    lines = key_lines(text)
    for path, line in expected.items():
        assert lines[path] == line
        found: Any = tree
        for step in path:
            found = found[step]
    assert {path for path in lines if path not in expected} <= {(name,) for name in seen}
