"""`make lint`: is any pinned dependency known to be vulnerable? Asked through pip-audit.

It fails for a vulnerability that is known. Where the data can't be had, it says so in one line, and
does not fail: a machine without a network must be able to check its style.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["main", "verdict"]

_SECONDS = 120


def verdict(report: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return the exit status for a report of pip-audit's, and what to say."""
    known = [
        f"{found['name']} {found['version']}: {flaw['id']}"
        + (f", mended in {', '.join(flaw['fix_versions'])}" if flaw.get("fix_versions") else "")
        for found in report["dependencies"]
        for flaw in found.get("vulns", ())
    ]
    if known:
        return 1, [*known, "Raise the versions in constraints.txt, then: make requirements"]
    asked = [found for found in report["dependencies"] if "skip_reason" not in found]
    unknown = len(report["dependencies"]) - len(asked)
    if unknown:
        return 0, [f"vulnerabilities: no data on {unknown} of {len(asked) + unknown} dependencies"]
    return 0, [f"vulnerabilities: none known of {len(asked)} dependencies"]


def main(files: Sequence[str]) -> int:
    """Ask about the files' requirements, say what there is to say, and return the exit status."""
    named = [part for file in files for part in ("--requirement", file)]
    command = [sys.executable, "-m", "pip_audit", *named, "--require-hashes", "--disable-pip"]
    try:
        done = subprocess.run(  # noqa: S603 - our own dependency
            [*command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        status, lines = verdict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError):  # no answer, and so no report
        status, lines = 0, ["vulnerabilities: not looked for, the data can't be reached from here"]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
