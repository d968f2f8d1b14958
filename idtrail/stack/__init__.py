"""The embedded stack: a real Kafka broker as a child process, and who may use a state directory."""
