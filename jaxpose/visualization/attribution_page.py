"""The page that `jaxpose.explain` leaves: what its table and figures are called and say, and the folder they fill."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from jaxpose.files.atomic import atomic_write
from jaxpose.runtime import tables
from jaxpose.runtime.errors import InputError
from jaxpose.runtime.tables import Table
from jaxpose.visualization.html_page import page as whole_page

COLUMNS = ("term", "weight", "loss,\nmm", "worst\njoint", "worst\nframe", "pull,\n%", "if all 1,\n%")
NOTES = (
    "Loss: what the term adds at weight 1, averaged over the frames. Worst: the joint and the frame with the largest "
    "part in it; a first difference in time counts at the frame that it arrives at, a second one at its middle frame; "
    "a dash if all are alike. Pull: the norm of the gradient with respect to the parameters, in percent of the sum "
    "over the terms: with the weights of the training, and if all weights were 1. The network evaluates: without "
    "dropout, averaged with the mirrored prediction."
)
STEPS, STRIDE = 600, 0.005  # of a descent; metres
FIGURES = {
    "pulls.png": (
        "Where each term pulls",
        "Arrows point where descent on one term would move the joints of the drawn frame. Every panel has its own "
        "scale: its longest arrow is as strong as its heading says, in millimetres of loss per metre moved. Grey is "
        "the target.",
    ),
    "descents.png": (
        "What each term wants",
        f"All inspected frames were moved down one term alone, and down the sum of all, by {STEPS} steps of Adam that "
        f"shrink from {1000 * STRIDE:g} mm to none. Grey is the drawn frame as predicted, in colours what became of "
        "it, green the way. A term stops when it is content, however wrong the pose still is.",
    ),
    "joints.png": (
        "Which joints each term is about",
        "Left, the part of each joint in the term: an angle is shared by its three joints, a bone by its two ends, a "
        "ratio by all joints. Right, how hard the term pulls at each joint. Both in percent of the column.",
    ),
    "conflicts.png": (
        "Which terms fight",
        "Cosines between the gradients with respect to the predicted poses of all inspected frames: 1, two terms pull "
        "the same way; -1, they pull against each other; 0, neither minds the other, or one has no gradient.",
    ),
}


def page(title: str, caption: str, table: Table) -> str:
    """HTML that shows the table and the figures, which lie beside it; whatever comes from data is escaped."""
    figures = "\n".join(
        f'<h2>{escape(heading)}</h2>\n<p>{escape(text)}</p>\n<img src="{file}" alt="{escape(heading)}">'
        for file, (heading, text) in FIGURES.items()
    )
    return whole_page(title, f"<p>{escape(caption)}</p>\n{tables.page_part(table)}\n{figures}")


def write_folder(out: Path, text: str, figures: Mapping[str, Figure]) -> None:
    """Write the page and its figures, all or nothing.

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
