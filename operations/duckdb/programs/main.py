"""Runs the program that the first argument names, in the folder of the second argument: job.json in, report.json out."""

import importlib
import json
import os
import sys


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as f:
        job = json.load(f)
    report = importlib.import_module(sys.argv[2]).main(job)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as f:
        json.dump(report, f, ensure_ascii=False)
