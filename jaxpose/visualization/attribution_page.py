"""The page of `jaxpose.explain`: the headings and texts of its table and figures, and the folder that holds it."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from jaxpose.files.atomic import atomic_write
from jaxpose.runtime import tables
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.tables import Table
from jaxpose.visualization.html_page import page

COLUMNS = ("term", "weight", "loss,\nmm", "worst\njoint", "worst\nframe", "grad.,\n%", "at equal\nweights")
NOTES = (
    "Loss: the contribution of the term at weight 1, averaged over the frames. Worst: the joint and the frame with the "
    "largest share in it; a first difference in time belongs to its later frame, a second one to the middle one of its "
    "three; a dash if all shares are equal. Grad.: the norm of the term's gradient with respect to the parameters, "
    "in per cent of the sum over the terms, with the weights of the training and with equal weights. The network is in "
    "evaluation mode: without dropout, averaged with the mirrored prediction."
)
STEPS, STRIDE = 600, 0.005  # of a descent; metres
FIGURES = {
    "gradients.png": (
        "The gradient of each term",
        "Arrows are the negative gradient of a term with respect to the joints of the drawn frame: the direction in "
        "which gradient descent moves them. Every panel has its own scale; its heading gives the length of the longest "
        "arrow in millimetres of loss per metre. Grey is the target.",
    ),
    "descents.png": (
        "Gradient descent on each term",
        f"All frames were moved by gradient descent on one term alone, and on the sum of all: {STEPS} steps of Adam, "
        f"whose length decreases from {1000 * STRIDE:g} mm to zero. Grey is the drawn frame as predicted, green the "
        "path of each joint, red and blue the result. A term does not determine a pose: its loss can be at its minimum "
        "while the pose is still wrong.",
    ),
    "joints.png": (
        "The share of each joint",
        "Left, the share of each joint in the term: an angle is shared by its three joints, a bone by its two ends, a "
        "ratio by all joints. Right, the norm of the term's gradient at each joint. Both in per cent of the column.",
    ),
    "cosines.png": (
        "Cosine similarity of the gradients",
        "Between the gradients of two terms with respect to the predicted poses of all frames: 1, the same direction; "
        "-1, opposite directions; 0, orthogonal gradients, or a gradient of zero.",
    ),
}


def attribution_page(title: str, caption: str, table: Table) -> str:
    """HTML of the table and of the figures, which lie in files beside the page; text from data is escaped."""
    figures = "\n".join(
        f'<h2>{escape(heading)}</h2>\n<p>{escape(text)}</p>\n<img src="{file}" alt="{escape(heading)}">'
        for file, (heading, text) in FIGURES.items()
    )
    return page(title, f"<p>{escape(caption)}</p>\n{tables.html_table(table)}\n{figures}")


def write_folder(out: Path, text: str, figures: Mapping[str, Figure]) -> None:
    """Write the page and its figures into a new folder, whole or not at all.

    Args:
      out: the folder.
      text: of `index.html`.
      figures: by name of the file.

    Raises:
      InputError: the folder cannot be made.
    """

    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / "index.html").write_text(text, "utf-8")
        for file, figure in figures.items():
            figure.savefig(folder / file, dpi=100)

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out.parent} cannot be made ({error.strerror}); choose another folder with --out") from error
    atomic_write(out, fill)
