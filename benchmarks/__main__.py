"""`python -m benchmarks`: the parts of the bench, each a command, and `all` of them."""

from benchmarks.commands import main

main()
