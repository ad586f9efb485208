"""Jobs: their life as a table, their record, retries, lanes and leases."""
