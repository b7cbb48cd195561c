"""Small tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return a title, a note and a table as HTML; every text is escaped."""
    from html import escape

    def line(cells: Iterable[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    top = f"<thead>{line(head, 'th')}</thead>" if head else ""
    told = f"<br>{escape(note)}" if note else ""
    return f"<div><b>{escape(title)}</b>{told}<table>{top}<tbody>{body}</tbody></table></div>"
