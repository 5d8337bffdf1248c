"""HTML pages that open from disk and make no network request."""

import base64
import io
from html import escape

from matplotlib.figure import Figure

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
{head}</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
# The browser itself refuses whatever is not in the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self' file: data: blob:"
_STYLE = """body { font: 16px/1.5 sans-serif; color: #222; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; }
th, td { padding: 0.2em 0.8em; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
.notice { font-weight: bold; background: #fff3cd; border-left: 4px solid #d39e00; padding: 0.5em 1em; }
.part { overflow-x: auto; }
.ruled td { border-top: 2px solid #999; }
caption { text-align: left; color: #555; padding: 0.3em 0; }
pre { font-size: 13px; }
.player { outline-offset: 6px; }
.player .views { display: grid; grid-template: auto min(480px, max(60vh, 320px)) / 2fr 3fr;
  gap: 0 8px; }
.player .views.alone { grid-template-columns: 1fr; }
.player h3 { font-size: 14px; font-weight: normal; color: #555; margin: 0.3em 0; }
.player .plot { min-width: 0; overflow: hidden; }
.player #curve { height: 130px; position: relative; }
.player #cursor { position: absolute; top: 5px; bottom: 40px; width: 2px; background: #c0392b; z-index: 1; }
.player .controls { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4em 1.2em; margin: 0.5em 0; }
.player #slider { flex: 1; min-width: 200px; }
.player #play { width: 5em; height: 2.2em; }
.player #readout { min-width: 25em; font-variant-numeric: tabular-nums; }
.help { color: #555; font-size: 14px; }"""


def page(title: str, body: str, *, plotly: bool = False) -> str:
    """The HTML of a page.

    Args:
      title: text, which is escaped.
      body: HTML below the heading.
      plotly: include Plotly, 5 MB, which `player.player` needs.
    """
    head = ""
    if plotly:
        from plotly.offline import get_plotlyjs

        head = f"<script>{get_plotlyjs()}</script>\n"
    return _PAGE.format(title=escape(title), policy=_POLICY, style=_STYLE, head=head, body=body)


def picture(figure: Figure, text: str) -> str:
    """HTML of a figure, drawn as SVG into the page itself.

    Args:
      figure: to draw.
      text: the alternative text, for readers who do not see the figure.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    data = base64.b64encode(drawn.getvalue()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(text)}">'
