"""Findings: what several events together prove or make likely."""
