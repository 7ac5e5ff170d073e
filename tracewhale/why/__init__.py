"""Why a path is in an image: chains of reasons, from a plan, a report or an image's own label. Pure."""

from tracewhale.why.ledger import ChainStep, Explanation, Ledger, ask, chain, from_plan, from_report

__all__ = ["ChainStep", "Explanation", "Ledger", "ask", "chain", "from_plan", "from_report"]
