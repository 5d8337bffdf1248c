"""Draw every synthetic action, several frames each, to judge by eye whether it can be recognised.

    python -m experiments.contact_sheet sheet.png --subject S1 --seed 0

Takes ten seconds on a laptop.
"""

from pathlib import Path
from typing import Literal

import jax
import tyro

from jaxpose.data.synthetic import generate
from jaxpose.data.track import SYNTHETIC_NOTICE
from jaxpose.skeleton import H36M_17
from jaxpose.visualization.figures import clips_contact_sheet


def main(
    out: tyro.conf.Positional[Path],
    subject: Literal[generate.SUBJECTS] = "S1",
    seed: int = 0,
    frames: int = 200,
) -> None:
    """Draw a contact sheet of all synthetic actions.

    Args:
      out: the image to write.
      subject: whose body.
      seed: of the motion.
      frames: of each clip; eight of them are drawn.
    """
    keys = jax.random.split(jax.random.key(seed), len(generate.ACTIONS))
    clips = {
        action: jax.device_get(generate.motion(key, action, subject, frames=frames))
        for key, action in zip(keys, generate.ACTIONS, strict=True)
    }
    title = f"{subject}, seed {seed}. {SYNTHETIC_NOTICE}"
    clips_contact_sheet(clips, H36M_17, title=title).savefig(out, dpi=100)


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.contact_sheet")
