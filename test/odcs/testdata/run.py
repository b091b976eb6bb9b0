"""Run the commands of datacontract-cli that the arguments list, in one process, and print their results as JSON.

usage: run.py {lint|test} <contract>...

The results are one object per contract: its exit status, what the command printed, and with test the checks.
"""

import json
import pathlib
import sys
import tempfile

from datacontract.cli import app
from typer.testing import CliRunner

command, contracts = sys.argv[1], sys.argv[2:]
results = []
for contract in contracts:
    checks = []
    arguments = [command, contract]
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        if command == "test":
            arguments += ["--output", str(report), "--output-format", "json"]
        result = CliRunner().invoke(app, arguments)
        if report.exists():
            checks = json.loads(report.read_text())["checks"]
    results.append({"contract": contract, "status": result.exit_code, "output": result.output, "checks": checks})
json.dump(results, sys.stdout)
