"""What an operator does with the files of shards: check them, copy them, put them back, build them again, export."""
