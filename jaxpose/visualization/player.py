"""The 3D player of the HTML pages: 2D input if it is known, prediction and ground truth, frame by frame.

Plotly draws, and `player.js` moves what it drew. The page around the player must hold Plotly, see `html_page.page`.
Only one player fits on a page, since the script finds its parts by id.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from jaxpose.skeleton import Skeleton
from jaxpose.visualization.figures import LEFT, MIDDLE, RIGHT, side_colour
from jaxpose.visualization.view import Clip, crop, joint_errors

_MISSING = -(2**15)  # represents NaN
_ERROR_COLOURS = [[0, "#0d0887"], [0.35, "#8b0aa5"], [0.7, "#db5c68"], [1, "#febd2a"]]

_SIDES = (RIGHT, LEFT, MIDDLE)
_GREY = "#9a9a9a"  # of the ground truth
_SPEEDS = (0.25, 0.5, 1, 2, 4)
_HELP = (
    "Space plays and pauses, the arrow keys step by a frame. Drag to rotate, scroll to zoom. "
    "Right is red, left is blue."
)
_TRUTH_HELP = " Grey is the ground truth. Click on the error curve to go to a frame."

_PLAYER = """<section id="player" class="player" tabindex="0" aria-label="3D player">
<div class="controls">
<label>Track <select id="choice">{choices}</select></label>
<label>Speed <select id="speed">{speeds}</select></label>
{truth_controls}</div>
<div class="views{alone}">{input_heading}<h3>3D prediction{over}</h3>
{picture}<div id="scene" class="plot" role="img" aria-label="3D poses; drag to rotate, scroll to zoom"></div></div>
<div class="controls">
<button id="play" type="button">Play</button>
<input id="slider" type="range" min="0" value="0" aria-label="Frame">
<output id="readout" for="slider"></output>
</div>
{curve}<p class="help">{help}</p>
<script type="application/json" id="player-data">{data}</script>
<script>{script}</script>
</section>
"""
_PICTURE = """<div id="picture" class="plot" role="img" aria-label="2D input keypoints"></div>
"""
_TRUTH_CONTROLS = """<label><input id="overlay" type="checkbox" checked> overlay the ground truth</label>
<label><input id="coloured" type="checkbox" checked> colour by error</label>
"""
_CURVE = """<div id="curve" class="plot" role="img" aria-label="Error of every frame; click to go to a frame">
<div id="cursor"></div></div>
"""


def player(clips: Mapping[str, Clip], skeleton: Skeleton, layout: Skeleton | None) -> str:
    """HTML of the player.

    Args:
      clips: by the label under which they can be chosen, at least one. Ground truth is shown if all clips have it.
      skeleton: of the poses.
      layout: of the keypoints, which all clips have; None to show none.

    Returns:
      A section for a page that holds Plotly. Coordinates are rounded to a 65,000th of the range of their track, about
      0.1 mm and 0.1 pixels.
    """
    known = all(clip.truth is not None for clip in clips.values())
    errors = [joint_errors(clip.prediction, clip.truth).ravel() for clip in clips.values()] if known else [np.ones(1)]
    strokes, picture = _strokes(skeleton), _strokes(layout) if layout else []
    data = {
        "tracks": [_pack_clip(clip, known, pictured=layout is not None) for clip in clips.values()],
        "missing": _MISSING,
        "joints": list(range(skeleton.num_joints)),
        "names": ["prediction", "ground truth"],
        "grey": _GREY,
        "scene": _line(strokes),
        "sides": [point for joints, colour in strokes for point in (*[colour] * len(joints), None)],
        "picture": [_line([stroke for stroke in picture if stroke[1] == colour]) for colour in _SIDES],
        "figures": _figures(known, worst=50 * math.ceil(20 * np.quantile(np.concatenate(errors), 0.95))),
    }
    text = json.dumps(data, allow_nan=False)
    return _PLAYER.format(
        choices="".join(f"<option>{escape(label)}</option>" for label in clips),
        speeds="".join(f'<option value="{speed}"{" selected" * (speed == 1)}>{speed}×</option>' for speed in _SPEEDS),
        alone="" if layout else " alone",
        input_heading="<h3>2D input</h3>" if layout else "",
        picture=_PICTURE if layout else "",
        truth_controls=_TRUTH_CONTROLS if known else "",
        over=", ground truth in grey" if known else "",
        curve=_CURVE if known else "",
        help=escape(_HELP + (_TRUTH_HELP if known else "")),
        data=text.replace("<", "\\u003c"),  # nothing in the data ends the script
        script=resources.files("jaxpose.visualization").joinpath("player.js").read_text("utf-8"),
    )


def _pack_clip(clip: Clip, known: bool, *, pictured: bool) -> dict[str, Any]:
    """The data of a clip that `player.js` reads."""
    across, down = crop(clip).tolist() if pictured else ([], [])
    poses = [clip.prediction, clip.truth] if known else [clip.prediction]
    return {
        "fps": clip.fps,
        "first": clip.first,
        "frames": len(clip.prediction),
        "total": clip.total,
        "across": across,
        "down": down[::-1],  # y points down
        "reach": float(max(np.nanmax(np.abs(pose[..., :2])) for pose in poses)),
        "top": float(max(np.nanmax(pose[..., 2]) for pose in poses)),
        "keypoints": pack(clip.keypoints) if pictured else None,
        "prediction": pack(clip.prediction),
        "truth": pack(clip.truth) if known else None,
    }


def pack(values: np.ndarray) -> dict[str, Any]:
    """Pack an array for JSON in two bytes a number, which are to be multiplied by `scale`; NaN is `_MISSING`."""
    values = np.asarray(values, np.float64)
    largest = np.abs(values[np.isfinite(values)]).max(initial=0)
    scale = float(largest / (2**15 - 1)) or 1.0
    whole = np.where(np.isfinite(values), np.round(values / scale), _MISSING).astype("<i2")
    return {"shape": values.shape, "scale": scale, "base64": base64.b64encode(whole.tobytes()).decode()}


def _strokes(skeleton: Skeleton) -> list[tuple[tuple[int, ...], str]]:
    """What a pen draws: the joints of each bone, or the point of a root, with its colour; then the links, in grey."""
    joints = [(child,) if parent < 0 else (parent, child) for child, parent in enumerate(skeleton.parents)]
    strokes = [(stroke, side_colour(skeleton, stroke[-1])) for stroke in joints]
    return strokes + [(link, MIDDLE) for link in skeleton.links]


def _line(strokes: Sequence[tuple[tuple[int, ...], str]]) -> list[int]:
    """Joints that a pen visits to draw the strokes; -1 lifts the pen."""
    return [joint for joints, _ in strokes for joint in (*joints, -1)]


def _figures(known: bool, *, worst: float) -> dict[str, Any]:
    """The figures of Plotly without coordinates, which `player.js` adds; colours cover errors up to `worst`, in mm."""
    import plotly.graph_objects as go  # takes half a second, which other imports of this module save

    bare = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    none = {"l": 0, "r": 0, "t": 0, "b": 0}
    common = {"template": "none", "showlegend": False, "hovermode": False, "font": {"family": "sans-serif"}}

    limbs = [
        go.Scatter(mode="lines+markers", line={"color": colour, "width": 3}, marker={"size": 5}) for colour in _SIDES
    ]
    picture = go.Figure(limbs, {**common, "margin": none, "plot_bgcolor": "#f4f4f4"})
    picture.update_xaxes(**bare)
    picture.update_yaxes(**bare, scaleanchor="x")

    heading = {"text": "joint error, mm", "side": "right"}
    bar = {"title": heading, "thickness": 12, "len": 0.7, "x": 1, "xanchor": "right"}
    shade = {"colorscale": _ERROR_COLOURS, "cmin": 0, "cmax": worst}
    poses = [
        go.Scatter3d(
            mode="lines+markers",
            line={**shade, "width": 9},
            marker={**shade, "size": 4, "colorbar": bar, "showscale": known},
        ),
        go.Scatter3d(mode="lines+markers", line={"color": _GREY, "width": 5}, marker={"color": _GREY, "size": 2.5}),
    ]
    scene = go.Figure(poses if known else poses[:1], {**common, "margin": none})
    floor = {"showbackground": True, "backgroundcolor": "#eceeef", "gridcolor": "#ffffff", "gridwidth": 2, "dtick": 0.5}
    plain = {**bare, "title": "", "showspikes": False, "showbackground": False}
    scene.update_scenes(
        xaxis={**plain, "showgrid": True, "gridcolor": "#ffffff", "dtick": 0.5},
        yaxis={**plain, "showgrid": True, "gridcolor": "#ffffff", "dtick": 0.5},
        zaxis={**plain, **floor, "showgrid": False},
        aspectmode="manual",
        camera={"eye": {"x": 0.5, "y": -1.35, "z": 0.3}, "projection": {"type": "perspective"}},
        dragmode="orbit",
    )

    errors = go.Scatter(line={"color": "#555555", "width": 1.5}, fill="tozeroy", fillcolor="rgba(0,0,0,0.06)")
    margin = {"l": 50, "r": 10, "t": 5, "b": 40}  # `player.js` has the same numbers
    curve = go.Figure(errors, {**common, "hovermode": "x", "margin": margin})
    curve.update_xaxes(title="frame", zeroline=False, fixedrange=True)
    curve.update_yaxes(title="error, mm", zeroline=False, fixedrange=True, nticks=4)
    figures = {"picture": picture, "scene": scene, "curve": curve}
    return {name: figure.to_plotly_json() for name, figure in figures.items()}
