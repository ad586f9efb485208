"""What a node tells Prometheus: the families, and how a scrape gathers them."""
