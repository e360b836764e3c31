"""`python -m trainer COMMAND`: from data sets to a measured bundle; `--help` lists the commands."""

from __future__ import annotations

import argparse
import importlib
import sys

from simsvc.errors import SimsvcError

COMMANDS = {
    "data": (
        "making.data",
        "merge data sets and print their audit; `data fetch NAME` downloads one",
    ),
    "fit": ("making.fit", "train a model by a recipe"),
    "export": ("making.export", "turn a run into a bundle that the service loads"),
    "evaluate": (
        "measuring.evaluate",
        "measure a bundle on a data set, with the code of the service",
    ),
    "sources": (
        "measuring.sources",
        "measure a bundle source by source, next to the constant guess",
    ),
    "peers": ("measuring.peers", "run free packages on the same photos as a bundle"),
    "calibrate": (
        "making.calibrate",
        "measure a bundle's intervals and write them into its model.json",
    ),
    "quantize": ("making.quantize", "add an int8 graph to a bundle, if it is as good"),
    "bands": (
        "measuring.bands",
        "measure a bundle on photos labelled with age bands, such as FairFace",
    ),
    "withhold": (
        "measuring.withhold",
        "measure when an estimate should be reviewed, and write the bounds into the bundle's model.json",
    ),
    "bounds": ("measuring.bounds", "measure what blur, light, cuts and turns do to estimates"),
    "engines": ("measuring.engines", "compare the engines that can run a bundle"),
    "doubt": (
        "measuring.doubt",
        "fit the score of how doubtful an estimate is, and write it into the bundle's model.json",
    ),
    "framing": ("measuring.framing", "measure the error when the detector's box is a tenth off"),
    "neighbours": (
        "measuring.neighbours",
        "compare layers and transforms by the neighbours they find",
    ),
    "same-person": (
        "measuring.same_person",
        "measure from which distance on to ask whether two photos show the same person",
    ),
    "site-calibration": (
        "measuring.site_calibration",
        "measure whether reference faces of a data set improve the estimates of its other faces",
    ),
    "card": ("making.card", "write the model card and its plots from the measurements"),
    "left-out": ("measuring.left_out", "train without some sources and measure on those"),
    "teachers": ("making.teachers", "fetch the published networks that serve as teachers"),
    "results": ("measuring.results", "show the table of experiments, or add a run to it"),
    "demo-gallery": (
        "making.demo_gallery",
        "make the composite faces that ship with the service",
    ),
    "detector-export": (
        "making.detector_export",
        "make the shipped face detector from libfacedetection's weights",
    ),
    "detector": ("making.detector", "measure the detector's threshold on photos without faces"),
}
"""Command to module below trainer.cli (imported only when asked for) and help."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a refusal is one sentence on standard error and exit code 2."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if given[:1] == [name]:
            importlib.import_module(f"trainer.cli.{module}").add_arguments(sub)
    args = parser.parse_args(given)
    try:
        return int(importlib.import_module(f"trainer.cli.{COMMANDS[args.command][0]}").run(args))
    except SimsvcError as error:
        print(f"trainer {args.command}: {error.sentence}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What is on disk stays; run the command again to continue.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
