"""A daemon that is nothing but lists, for the subscriber's core without sockets."""

from __future__ import annotations

from typing import Any


class ListDaemon:
    """All that was ever sent, as plain lists, and the history's answers from them."""

    def __init__(self, kept: int) -> None:
        self.sessions: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = []
        self.kept = kept
        self.restart()

    def restart(self) -> None:
        """A new session; one that ends before its first message leaves no trace."""
        self.sessions.append((f"s{len(self.sessions)}", []))

    def send(self, topic: str) -> tuple[str, dict[str, Any]]:
        session, sent = self.sessions[-1]
        topic_seq = 1 + sum(name == topic for name, _ in sent)
        body = {"schema": "umamba-rt/x/1", "session": session, "seq": len(sent) + 1}
        sent.append((topic, body | {"topic_seq": topic_seq}))
        return sent[-1]

    def history(self) -> list[tuple[str, dict[str, Any]]]:
        return [message for _, sent in self.sessions for message in sent][-self.kept :]

    def answer(self, name: str, arguments: dict[str, Any], page: int) -> dict[str, Any]:
        session, sent = self.sessions[-1]
        topics = tuple(arguments["topics"])
        if name == "snapshot":
            latest = {topic: body for topic, body in sent if topic.startswith(topics)}
            rows = [[topic, body["topic_seq"], body["seq"]] for topic, body in latest.items()]
            messages = [{"topic": topic, "body": body} for topic, body in latest.items()]
            head = {"session": session, "seq": len(sent), "next": None}
            return head | {"positions": rows, "messages": messages}
        return self._since(arguments["session"], arguments["seq"], topics, page)

    def _since(self, asked: str, seq: int, topics: tuple[str, ...], page: int) -> dict[str, Any]:
        names = list(dict.fromkeys(body["session"] for _, body in self.history()))
        current, everything = self.sessions[-1]
        gone = False
        if asked != current and asked not in names:
            gone = asked != "oldest"
            asked, seq = (names or [current])[0], 0
        there = [(t, b) for t, b in self.history() if b["session"] == asked]
        begin = there[0][1]["seq"] if there else (len(everything) + 1 if asked == current else 0)
        gone |= bool(everything or asked != current) and seq + 1 < begin
        rows: list[dict[str, Any]] = []
        through = max(seq, begin - 1)
        for topic, body in there:
            if body["seq"] <= seq:
                continue
            if topic.startswith(topics):
                if len(rows) == page:
                    break
                rows.append({"topic": topic, "body": body})
            through = body["seq"]
        last = there[-1][1]["seq"] if there else through
        following, more = {"session": asked, "seq": through}, through < last
        if asked != current:
            if not more:
                later = names[names.index(asked) + 1 :]
                following = {"session": later[0] if later else current, "seq": 0}
            more = True
        head = {"session": current, "of": asked}
        return head | {"messages": rows, "gone": gone, "next": following, "more": more}
