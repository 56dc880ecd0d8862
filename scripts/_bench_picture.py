"""The rows of calls as a picture: ours beside stock, each as a share of stock's."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, LABEL, BAR, STEP, TOP = 760, 210, 400, 40, 46
FULL = 1.25
"""The share at which a bar ends at the right edge; what is longer is cut, and its figure tells."""
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.figure{font-size:12px}"
    ".ours{fill:#2a7f62}.stock{fill:#b9bec4}.axis{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.stock{fill:#667}.axis{stroke:#444}}"
)


def picture(rows: Sequence[dict[str, Any]]) -> str:
    """An SVG. Rows that were not measured on both sides are left out."""
    both = [row for row in rows if row["ours"] is not None and row["stock"]]
    height = TOP + STEP * len(both) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="Ours beside a plain Pipecat bot">',
        f"<style>{STYLE}</style>",
        _bar("ours", 0, 14, 10 / BAR) + '<text x="228" y="23">ours</text>',
        _bar("stock", 70, 14, 10 / BAR) + '<text x="298" y="23">plain Pipecat bot = 100 %</text>',
        f'<path class="axis" d="M{LABEL + BAR / FULL:.0f} {TOP - 8}V{height - 8}"/>',
        *(_pair(row, TOP + STEP * at) for at, row in enumerate(both)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _pair(row: dict[str, Any], y: int) -> str:
    name, unit = escape(row["name"]), escape(row["unit"])
    lines = [f'<text x="{LABEL - 10}" y="{y + 17}" text-anchor="end">{name}</text>']
    for side, at in (("ours", y), ("stock", y + 14)):
        share = min(FULL, row[side] / row["stock"]) / FULL
        lines.append(_bar(side, 0, at, share))
        shown = f"{row[side]:,.3g}" if row[side] < 100 else f"{row[side]:,.0f}"
        lines.append(f'<text class="figure" x="{LABEL + BAR * share + 6:.0f}" y="{at + 11}">{shown} {unit}</text>')
    return "".join(lines)


def _bar(side: str, x: int, y: int, share: float) -> str:
    return f'<rect class="{side}" x="{LABEL + x}" y="{y}" width="{max(1.0, BAR * share):.0f}" height="12"/>'
