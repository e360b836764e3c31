"""`python -m trainer COMMAND`: from data sets to a measured bundle; `--help` lists the commands."""

from __future__ import annotations

import argparse
import importlib
import sys

from simsvc.errors import SimsvcError

COMMANDS = {
    "data": ("trainer.data_command", "merge data sets and print their audit; `data fetch NAME` fetches one"),
    "fit": ("trainer.fit_command", "train a model by a recipe"),
    "export": ("trainer.export_command", "turn a run into a bundle that the service loads"),
    "evaluate": ("trainer.evaluate_command", "score a bundle on a data set, through the service's own steps"),
    "sources": ("trainer.sources_command", "judge a bundle source by source, with the constant guess"),
    "peers": ("trainer.peers_command", "run free packages on the same photos as a bundle"),
    "calibrate": (
        "trainer.calibrate_command",
        "measure a bundle's intervals and write them into its model.json",
    ),
    "quantize": ("trainer.quantize_command", "put an int8 form beside a bundle's graph where it is as good"),
    "bands": (
        "trainer.bands_command",
        "score a bundle on photos labelled with bands of ages, as FairFace is",
    ),
    "withhold": (
        "trainer.withhold_command",
        "measure when an estimate should not stand, and write the bounds into the bundle's model.json",
    ),
    "bounds": ("trainer.bounds_command", "measure what blur, light, cuts and turns do to estimates"),
    "engines": ("trainer.engines_command", "measure every engine that can serve a bundle, in one run"),
    "doubt": (
        "trainer.doubt_command",
        "fit the score of how far off an estimate may be, and write it into the bundle's model.json",
    ),
    "framing": ("trainer.framing", "measure what it costs when the detector's box is a tenth off"),
    "neighbours": ("trainer.neighbours_command", "compare layers and transforms by the neighbours they find"),
    "site-calibration": (
        "trainer.site_calibration_command",
        "measure what a gallery of a set's own faces gives estimates of its other faces",
    ),
    "card": ("trainer.card_command", "write the model card and its plots from what was measured"),
    "left-out": ("trainer.left_out_command", "train without some sources and judge just those"),
    "teachers": ("trainer.teachers_command", "fetch the published networks that teach"),
    "results": ("trainer.results_command", "the table of experiments: add a run, or show it"),
    "demo-gallery": ("trainer.demo_gallery", "make the composite faces that ship with the service"),
    "detector-export": (
        "trainer.detector_export_command",
        "make the face detector that the service ships, of libfacedetection's weights",
    ),
    "detector": ("trainer.detector_command", "measure the detector's threshold on photos without faces"),
}
"""Command to module (imported only when asked for) and help."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a refusal is one sentence on standard error and exit code 2."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if given[:1] == [name]:
            importlib.import_module(module).add_arguments(sub)
    args = parser.parse_args(given)
    try:
        return int(importlib.import_module(COMMANDS[args.command][0]).run(args))
    except SimsvcError as error:
        print(f"trainer {args.command}: {error.sentence}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What is on disk stays; call the command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
