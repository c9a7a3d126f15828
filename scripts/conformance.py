"""Print the sheet of polite polling: each rule, whether the client keeps it, and the score.

The score is 100 less 10 for each critical rule that is broken, 3 for a major and 1 for a minor one. Exit
code 1 where it is less than 100, or where a rule could not be judged.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
RULES = ROOT / "tests" / "conformance" / "rules.tsv"
COST = {"critical": 10, "major": 3, "minor": 1}


def main() -> int:
    """Run the rules' tests and print the sheet."""
    verdicts = run()
    with RULES.open(encoding="utf-8", newline="") as file:
        rules = list(csv.DictReader(file, delimiter="\t"))
    broken = [rule for rule in rules if verdicts.get(rule["rule"]) == "FAIL"]
    unknown = [rule for rule in rules if verdicts.get(rule["rule"], "?") in ("?", "skip")]
    for rule in rules:
        verdict = verdicts.get(rule["rule"], "?")
        print(f"{rule['rule']}  {rule['severity']:8}  {verdict:4}  {rule['what is asked for']}")
    score = 100 - sum(COST[rule["severity"]] for rule in broken)
    print(f"\n{len(rules)} rules, {len(broken)} broken, {len(unknown)} not judged: score {score}")
    return 1 if broken or unknown else 0


def run() -> dict[str, str]:
    """Return the verdict on each rule: that of the worst of its tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        files = map(str, sorted(RULES.parent.glob("test_conformance_*.py")))
        command = [sys.executable, "-m", "pytest", *files, f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it
    found: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        rule = case.attrib["name"].removeprefix("test_")[:3].upper()
        tags = {child.tag for child in case}
        found[rule].append("FAIL" if tags & {"failure", "error"} else "skip" if "skipped" in tags else "pass")
    return {rule: min(verdicts, key=("FAIL", "pass", "skip").index) for rule, verdicts in found.items()}


if __name__ == "__main__":
    sys.exit(main())
