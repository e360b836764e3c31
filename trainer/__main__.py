"""`python -m trainer COMMAND`: from data sets to a measured bundle; `--help` lists the commands."""

from __future__ import annotations

import argparse
import importlib
import sys

from simsvc.errors import SimsvcError

COMMANDS = {
    "data": ("trainer.cli.data", "merge data sets and print their audit; `data fetch NAME` fetches one"),
    "fit": ("trainer.cli.fit", "train a model by a recipe"),
    "export": ("trainer.cli.export", "turn a run into a bundle that the service loads"),
    "evaluate": ("trainer.cli.evaluate", "score a bundle on a data set, through the service's own steps"),
    "sources": ("trainer.cli.sources", "judge a bundle source by source, with the constant guess"),
    "peers": ("trainer.cli.peers", "run free packages on the same photos as a bundle"),
    "calibrate": (
        "trainer.cli.calibrate",
        "measure a bundle's intervals and write them into its model.json",
    ),
    "quantize": ("trainer.cli.quantize", "put an int8 form beside a bundle's graph where it is as good"),
    "bands": (
        "trainer.cli.bands",
        "score a bundle on photos labelled with bands of ages, as FairFace is",
    ),
    "withhold": (
        "trainer.cli.withhold",
        "measure when an estimate should not stand, and write the bounds into the bundle's model.json",
    ),
    "bounds": ("trainer.cli.bounds", "measure what blur, light, cuts and turns do to estimates"),
    "engines": ("trainer.cli.engines", "measure every engine that can serve a bundle, in one run"),
    "doubt": (
        "trainer.cli.doubt",
        "fit the score of how far off an estimate may be, and write it into the bundle's model.json",
    ),
    "framing": ("trainer.cli.framing", "measure what it costs when the detector's box is a tenth off"),
    "neighbours": ("trainer.cli.neighbours", "compare layers and transforms by the neighbours they find"),
    "site-calibration": (
        "trainer.cli.site_calibration",
        "measure what a gallery of a set's own faces gives estimates of its other faces",
    ),
    "card": ("trainer.cli.card", "write the model card and its plots from what was measured"),
    "left-out": ("trainer.cli.left_out", "train without some sources and judge just those"),
    "teachers": ("trainer.cli.teachers", "fetch the published networks that teach"),
    "results": ("trainer.cli.results", "the table of experiments: add a run, or show it"),
    "demo-gallery": ("trainer.cli.demo_gallery", "make the composite faces that ship with the service"),
    "detector-export": (
        "trainer.cli.detector_export",
        "make the face detector that the service ships, of libfacedetection's weights",
    ),
    "detector": ("trainer.cli.detector", "measure the detector's threshold on photos without faces"),
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
