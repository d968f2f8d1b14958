"""Code shared by every program that uses Kafka, whether it writes or reads. Imports `schemas` only."""
