"""What every program that uses Kafka shares, whether it writes or reads. Imports `schemas` only."""
