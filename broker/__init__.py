"""What every program that speaks to Kafka shares, on whichever side of the log it is. Imports `schemas` only."""
