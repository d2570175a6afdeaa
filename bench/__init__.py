"""Every figure of the design's budgets, in one run: ``python -m bench``."""
