"""`bench ct`: whether secrets show in the time that the native core takes."""

from __future__ import annotations

import argparse
import importlib

from benches.figures import Report


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench: it has none."""
    del parser


def run(chosen: argparse.Namespace) -> Report:
    """Run `bench_ct`, which needs the native core, and so is imported only now."""
    del chosen
    report: Report = importlib.import_module("bench_ct").main()
    return report
