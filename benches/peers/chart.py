"""A bar chart of ratios as SVG: a logarithmic axis through 1, groups with headings, colours that suit light and dark pages."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT = 860, 300, 150
LINE, BAR, GAP, TOP = 22, 14, 14, 58

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .group { font-weight: 600 }
  .faint { fill: #59636e }
  .grid { stroke: #d1d9e0 }
  .one { stroke: #59636e; stroke-width: 1.5 }
  .faster { fill: #1a7f5a }
  .slower { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .one { stroke: #9198a1 }
    .faster { fill: #3fb68b }
    .slower { fill: #f0883e }
  }
"""


@dataclass(frozen=True)
class Bar:
    """One ratio, and who it is to."""

    label: str
    ratio: float
    note: str


def picture(title: str, groups: list[tuple[str, list[Bar]]]) -> str:
    """The chart of these groups of bars."""
    ratios = [bar.ratio for _, bars in groups for bar in bars] or [1.0]
    low, high = math.floor(math.log2(min(*ratios, 1.0))), math.ceil(math.log2(max(*ratios, 2.0)))
    x = lambda ratio: LEFT + (math.log2(ratio) - low) / (high - low) * (WIDTH - LEFT - RIGHT)
    height = TOP + sum(LINE * (1 + len(bars)) + GAP for _, bars in groups)
    step = max(1, math.ceil((high - low) / 8))
    ticks = {power: f"{x(2.0**power):.1f}" for power in range(low, high + 1) if power % step == 0}
    parts = [f'<text class="title" x="16" y="24">{escape(title)}</text>']
    for power, where in ticks.items():
        name = f"{2**power}×" if power >= 0 else f"1/{2**-power}×"
        parts.append(f'<text class="faint" x="{where}" y="46" text-anchor="middle">{name}</text>')
    y = TOP
    for heading, bars in groups:
        parts.append(f'<text class="group" x="16" y="{y + BAR}">{escape(heading)}</text>')
        for power, where in ticks.items():
            kind, top = "grid" if power else "one", y + LINE - 2
            parts.append(f'<line class="{kind}" x1="{where}" x2="{where}" y1="{top}" y2="{top + LINE * len(bars)}"/>')
        for bar in bars:
            y += LINE
            start, end = sorted((x(1.0), x(bar.ratio)))
            kind = "faster" if bar.ratio >= 1 else "slower"
            parts.append(f'<text x="{LEFT - 12}" y="{y + BAR - 2}" text-anchor="end">{escape(bar.label)}</text>')
            parts.append(f'<rect class="{kind}" x="{start:.1f}" y="{y + 1}" width="{max(end - start, 1):.1f}" height="{BAR}" rx="2"/>')
            digits = 0 if bar.ratio >= 100 else 1 if bar.ratio >= 1 else 2
            note = f"{bar.ratio:,.{digits}f}× {bar.note}"
            parts.append(f'<text x="{end + 6:.1f}" y="{y + BAR - 2}">{escape(note)}</text>')
        y += LINE + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts, "</svg>", ""])
