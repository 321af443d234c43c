"""A program: a sealer on real servers for each line that it reads, forked, so that it starts at once.

Prints the process id of each; whoever has it kills it. Its own memory has no client of any server.
"""

import os
import sys

from audit_runtime.logs import configure_logging
from audit_seal.service import run_sealer
from audit_seal.settings import SealSettings


def main() -> None:
    """Fork a sealer for each line."""
    settings = SealSettings()
    configure_logging(settings.log_format)
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run_sealer(settings)
            finally:
                os._exit(1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
