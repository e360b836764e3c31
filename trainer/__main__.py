"""`python -m trainer COMMAND`: from data sets to a measured bundle; `--help` lists the commands."""

from __future__ import annotations

import argparse
import importlib
import sys

from simsvc.errors import SimsvcError

COMMANDS = {
    "data": (
        "trainer.cli.making.data",
        "merge data sets and print their audit; `data fetch NAME` downloads one",
    ),
    "fit": ("trainer.cli.making.fit", "train a model by a recipe"),
    "export": ("trainer.cli.making.export", "turn a run into a bundle that the service loads"),
    "evaluate": (
        "trainer.cli.measuring.evaluate",
        "measure a bundle on a data set, with the code of the service",
    ),
    "sources": (
        "trainer.cli.measuring.sources",
        "measure a bundle source by source, next to the constant guess",
    ),
    "peers": ("trainer.cli.measuring.peers", "run free packages on the same photos as a bundle"),
    "calibrate": (
        "trainer.cli.making.calibrate",
        "measure a bundle's intervals and write them into its model.json",
    ),
    "quantize": ("trainer.cli.making.quantize", "add an int8 graph to a bundle, if it is as good"),
    "bands": (
        "trainer.cli.measuring.bands",
        "measure a bundle on photos labelled with age bands, such as FairFace",
    ),
    "withhold": (
        "trainer.cli.measuring.withhold",
        "measure when an estimate should be reviewed, and write the bounds into the bundle's model.json",
    ),
    "bounds": ("trainer.cli.measuring.bounds", "measure what blur, light, cuts and turns do to estimates"),
    "engines": ("trainer.cli.measuring.engines", "compare the engines that can run a bundle"),
    "doubt": (
        "trainer.cli.measuring.doubt",
        "fit the score of how doubtful an estimate is, and write it into the bundle's model.json",
    ),
    "framing": ("trainer.cli.measuring.framing", "measure the error when the detector's box is a tenth off"),
    "neighbours": (
        "trainer.cli.measuring.neighbours",
        "compare layers and transforms by the neighbours they find",
    ),
    "same-person": (
        "trainer.cli.measuring.same_person",
        "measure from which distance on to ask whether two photos show the same person",
    ),
    "site-calibration": (
        "trainer.cli.measuring.site_calibration",
        "measure whether reference faces of a data set improve the estimates of its other faces",
    ),
    "card": ("trainer.cli.making.card", "write the model card and its plots from the measurements"),
    "left-out": ("trainer.cli.measuring.left_out", "train without some sources and measure on those"),
    "teachers": ("trainer.cli.making.teachers", "fetch the published networks that serve as teachers"),
    "results": ("trainer.cli.measuring.results", "show the table of experiments, or add a run to it"),
    "demo-gallery": (
        "trainer.cli.making.demo_gallery",
        "make the composite faces that ship with the service",
    ),
    "detector-export": (
        "trainer.cli.making.detector_export",
        "make the shipped face detector from libfacedetection's weights",
    ),
    "detector": ("trainer.cli.making.detector", "measure the detector's threshold on photos without faces"),
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
        print("Stopped. What is on disk stays; run the command again to continue.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
