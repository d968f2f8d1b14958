"""A deterministic simulated organisation: its Directory Insights events, and the truth behind them."""

from producers.simulation.journal import SimulatedEvent
from producers.simulation.organisation import Organisation
from producers.simulation.presets import demo, load, samples
from producers.simulation.truth import Truth
from producers.simulation.world import Pace

__all__ = ["Organisation", "Pace", "SimulatedEvent", "Truth", "demo", "load", "samples"]
