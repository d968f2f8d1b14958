"""Whether the trail itself can be trusted: what it does not see, lags behind with, or stores wrongly."""
