"""The console script: `jaxpose COMMAND …` is `python -m jaxpose.COMMAND …`."""

import importlib
import sys
from collections.abc import Mapping, Sequence

from jaxpose.runtime.errors import InputError, cli_errors
from jaxpose.runtime.words import perhaps

COMMANDS: Mapping[str, str] = {
    "train": "train a lifter, or resume a run",
    "evaluate": "errors of runs by action, subject, camera and joint; comparison of runs",
    "predict": "2D keypoints of any detector to 3D motion",
    "report": "one HTML page about a run or lifted poses, with a 3D player",
    "render": "a track or lifted poses as mp4, gif or png",
    "explain": "which loss term pulls which joint where",
    "convert": "weights of the published PyTorch code to a run, and back",
    "export": "a trained network as StableHLO or ONNX, for programs without jaxpose",
}


def command_module(name: str) -> str:
    """The module of a command. The room of motion files has the name of a command, which is its `__main__`."""
    return "jaxpose.export.__main__" if name == "export" else f"jaxpose.{name}"


def preparations() -> Mapping[str, str]:
    """What `jaxpose prepare NAME …` can do, by name; it is `python -m data_prep.NAME …`."""
    return importlib.import_module("data_prep").commands()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names; only that command is imported."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with cli_errors():
        if not words or words[0] in ("-h", "--help"):
            print(usage())
            return
        if words[0] == "--version":
            print(f"jaxpose {importlib.import_module('jaxpose').__version__}")
            return
        if words[0] == "prepare":
            if len(words) == 1 or words[1] in ("-h", "--help"):
                print(usage())
                return
            module, rest = f"data_prep.{known(words[1], preparations())}", words[2:]
        else:
            module, rest = command_module(known(words[0], [*COMMANDS, "prepare"])), words[1:]
        importlib.import_module(module).main(rest)


def known(word: str, choices: Sequence[str] | Mapping[str, str]) -> str:
    """The word if it is one of the choices.

    Raises:
      InputError: it is none; names the nearest.
    """
    if word in choices:
        return word
    raise InputError(f"there is no command {word!r:.50}{perhaps(word, choices)}; the commands are {', '.join(choices)}")


def usage() -> str:
    """The commands, a line each."""
    lines = ["usage: jaxpose COMMAND [ARGUMENTS]", "", "Lift 2D keypoints to 3D human poses.", ""]
    lines += [f"  {name:<22}{text}" for name, text in COMMANDS.items()]
    lines += [f"  {f'prepare {name}':<22}{text}" for name, text in preparations().items()]
    return "\n".join([*lines, "", "jaxpose COMMAND --help lists the arguments of a command."])


if __name__ == "__main__":
    main()
