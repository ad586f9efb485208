"""The wire: what actors say to one another (`wire`), what users declare (`tasks`) and how it travels (`net`)."""
