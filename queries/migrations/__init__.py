"""The numbered SQL files that `queries.migrate` applies, in order. One that has been released is never changed."""
