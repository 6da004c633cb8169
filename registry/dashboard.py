"""One plain page for the duty officer: counts, last arrivals, stations. No scripts.

Of a person it shows the nationality, of a card its number; names, documents and pictures never.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

STYLE = """
:root { --ink: #16232e; --muted: #5d6f7d; --line: #dbe4ea; --sky: #0b6fa4; --paper: #fff; --ground: #f3f7f9 }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 "Noto Sans", system-ui, sans-serif }
header { background: #0a4d73; color: #fff; padding: 18px 32px;
  display: flex; align-items: baseline; gap: 16px }
header h1 { font-size: 22px; margin: 0; letter-spacing: .01em }
header time { margin-left: auto; color: #cfe3ee; font-variant-numeric: tabular-nums }
.world { background: #ffd24a; color: #3b2c00; border-radius: 4px; padding: 1px 10px;
  font-weight: 600; font-size: 14px }
main { max-width: 1180px; margin: 0 auto; padding: 28px 32px 48px }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px }
.count { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 14px 18px }
.count b { display: block; font-size: 32px; line-height: 1.15; font-variant-numeric: tabular-nums }
.count span { color: var(--muted); font-size: 14px }
h2 { font-size: 17px; margin: 34px 0 10px }
table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--paper);
  border: 1px solid var(--line); border-radius: 8px; overflow: hidden }
th { text-align: left; font-size: 13px; color: var(--muted); font-weight: 600; background: #f8fbfc }
th, td { padding: 9px 16px; border-bottom: 1px solid var(--line); white-space: nowrap }
tr:last-child td { border-bottom: 0 }
td { font-variant-numeric: tabular-nums }
.mono { font-family: "Noto Sans Mono", ui-monospace, monospace }
.tag { display: inline-block; border-radius: 4px; padding: 0 9px; font-size: 14px; font-weight: 600 }
.good { background: #dff3e4; color: #135c2b } .bad { background: #fbe3e1; color: #8c1d15 }
.wait { background: #fff2cf; color: #6b4c00 } .none { background: #e9eef1; color: #46565f }
.empty { color: var(--muted); text-align: center; padding: 28px }
"""

TAGS = {
    "GRANTED": ("good", "✓ Granted"),
    "REFUSED": ("bad", "✕ Refused"),
    "WITHDRAWN": ("none", "– Withdrawn"),
    "ORDERED": ("wait", "… Ordered"),
    "ACTIVE": ("good", "✓ Active"),
    "SPOILED": ("bad", "✕ Spoiled"),
    "VOID": ("none", "– Void"),
    "successful": ("good", "✓ Successful"),
    "failed": ("bad", "✕ Failed"),
}
COUNTS = (
    ("enrolment", "Arrivals"),
    ("GRANTED", "Granted"),
    ("REFUSED", "Refused"),
    ("ORDERED", "Cards ordered"),
    ("ACTIVE", "Cards active"),
    ("VOID", "Numbers void"),
)


def to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def page(overview: Mapping[str, Any], now: datetime) -> str:
    """The whole document for `Registry.overview()`."""
    counts = overview["counts"]
    tiles = "".join(
        f'<div class="count"><b>{counts.get(name, 0)}</b><span>{label}</span></div>' for name, label in COUNTS
    )
    world = '<span class="world">LAB · test data</span>' if overview["world"] == "lab" else ""
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shekara registry</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="10">
<style>{STYLE}</style></head><body>
<header><h1>Shekara registry</h1>{world}<time>{_time(now.isoformat())} UTC</time></header>
<main><section class="counts">{tiles}</section>
<h2>Last arrivals</h2>{_arrivals(overview["arrivals"])}
<h2>Stations</h2>{_stations(overview["stations"])}
</main></body></html>"""


def _arrivals(rows: Iterable[Mapping[str, Any]]) -> str:
    cells = [
        (
            _time(row["decided_at"]),
            escape(row["station"]),
            escape(row["nationality"]),
            _tag(row["overall"]),
            _tag(row["outcome"]),
            f'<span class="mono">{escape(row["number"]) or "–"}</span>',
            _tag(row["state"]),
        )
        for row in rows
    ]
    head = ("Decided (UTC)", "Station", "Nationality", "Inspection", "Decision", "Card number", "Card")
    return _table(head, cells, "Nobody has arrived yet.")


def _stations(rows: Iterable[Mapping[str, Any]]) -> str:
    cells = [(escape(row["station"]), str(row["messages"]), _time(row["last"])) for row in rows]
    return _table(("Station", "Messages", "Last heard (UTC)"), cells, "No station has sent anything yet.")


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]], empty: str) -> str:
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    lines = lines or f'<tr><td class="empty" colspan="9">{empty}</td></tr>'
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _tag(name: str) -> str:
    if not name:
        return "–"
    look, label = TAGS.get(name, ("wait", name.capitalize()))
    return f'<span class="tag {look}">{escape(label)}</span>'


def _time(iso: str) -> str:
    """`2026-11-22 06:00:05` of an ISO time, which the contract has checked."""
    return escape(iso[:19].replace("T", " "))
