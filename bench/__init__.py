"""Rates as ratios within one run: what is measured stands beside what it is compared with."""
