"""Prepare Human3.6M, or data in its formats.

    jaxpose prepare h36m --archives DIR --keypoints data_2d_h36m_cpn_ft_h36m_dbb.npz --out h36m
    jaxpose train baseline --data h36m

The poses are those of the archives Poses_D3_Positions_S*.tgz as downloaded, extracted or converted, or of
data_3d_h36m.npz. The keypoints are those of a detector, in the npz files that lifting programs exchange, or `gt`, the
projected joints.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from data_prep.writer.command import Output, check_options, run, write
from data_prep.writer.source import SplitSize


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Output):
    """The options of `jaxpose prepare h36m`."""

    archives: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder with the archives as downloaded, or extracted, or converted; or one archive; or data_3d_h36m.npz."""
    keypoints: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE")] = (Path("gt"),)
    """Files data_2d_h36m_NAME.npz, or `gt` for the projected joints. With several, DIR/NAME is made for each."""
    s11_directions: Literal["none", "three-views", "all"] = "none"
    """Views to keep of S11's recording Directions, which has a damaged video; published evaluations keep none."""
    without_damaged_s9: tyro.conf.FlagCreatePairsOff[bool] = False
    """Leave out the three recordings of S9 whose poses are shifted against the video."""
    fps: float = 50.0
    """Frames per second, for data other than Human3.6M."""
    title: str = ""
    """Name of the data in reports."""
    dry_run: tyro.conf.FlagCreatePairsOff[bool] = False
    """List the files found and missing, and write nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    run(Options, prepare, arguments, name="h36m", description=__doc__)


def prepare(options: Options) -> None:
    """Write a data set for each source of keypoints, and print its size.

    Raises:
      InputError: an option is out of its range, files are missing or damaged, or a folder cannot be written.
    """
    check_options(fps=options.fps)

    import rich

    from data_prep.human36m import mocap_files, remarks, tracks
    from data_prep.human36m.builder import PROJECTED, Human36m, keypoint_config, make_source
    from data_prep.writer.data_set import check_output_folder
    from jaxpose.data.human36m import DAMAGED_S9, S11_DIRECTIONS
    from jaxpose.runtime.progress import working

    paths = [None if str(path) == PROJECTED else path for path in options.keypoints]
    configs = [keypoint_config(path) for path in paths]
    folders = [options.out / config.name if len(configs) > 1 else options.out for config in configs]
    for folder in folders:
        check_output_folder(folder)
    with working("looking for poses"):
        inventory = mocap_files.find_recordings(options.archives)
    excluded = [S11_DIRECTIONS] * (options.s11_directions == "none") + [*DAMAGED_S9] * options.without_damaged_s9
    files = tracks.exclude(inventory.files, excluded)
    if options.dry_run:
        rich.print(remarks.inventory_table(inventory), *inventory.remarks, sep="\n")
        for config, path in zip(configs, paths, strict=True):
            print(remarks.describe_keypoints(config, path))
    splits = [tracks.check_complete(inventory, files, path) for path in paths]
    if options.dry_run:
        print(f"complete: without --dry-run, {', '.join(map(str, folders))} would be written")
        return
    notes = [*inventory.remarks, *remarks.excluded_recordings(inventory, excluded)]
    damaged_view = S11_DIRECTIONS if options.s11_directions == "three-views" else None
    for config, path, subjects, folder in zip(configs, paths, splits, folders, strict=True):
        source = f"{options.archives.name} and {path.name if path else PROJECTED}"  # npz files have any content
        title = options.title or (f"Human3.6M, {config.name}" if inventory.missing else source)
        made = make_source(tracks.Options(files, path, options.fps, damaged_view), config, subjects, title, notes)
        made = made._replace(
            inputs=(options.archives, *([path] if path else [])),
            remarks=functools.partial(_remarks, notes, folder, path),
        )
        known = config.name if config in Human36m.BUILDER_CONFIGS else config
        write(dataclasses.replace(options, out=folder), made, builder=functools.partial(Human36m, config=known))


def _remarks(
    notes: Sequence[str], folder: Path, keypoints: Path | None, sizes: Mapping[str, SplitSize]
) -> Sequence[str]:
    """Remark on what the archives have, and on keypoints that were not used."""
    from data_prep.human36m.remarks import unused_keypoints

    return [*notes, *unused_keypoints(folder, keypoints)]


if __name__ == "__main__":
    main()
