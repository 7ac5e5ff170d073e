"""``python -m tracewhale``."""

from tracewhale.cli import main

main(prog_name="tracewhale")
