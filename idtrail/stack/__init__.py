"""The embedded stack: a real Kafka broker as a child process, and the lock of a state directory."""
