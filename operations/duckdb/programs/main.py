"""Runs the program named by the first argument over the folder of the second: its job.json in, its report.json out."""
import importlib
import json
import os
import sys


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as f:
        job = json.load(f)
    answer = importlib.import_module(sys.argv[2]).main(job)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as f:
        json.dump(answer, f, ensure_ascii=False)
