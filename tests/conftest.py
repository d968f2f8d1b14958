"""One broker and one store engine for the whole run, started at first use."""

pytest_plugins = ["tests.fixtures_kafka", "tests.fixtures_store"]
