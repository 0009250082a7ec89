"""What the documentation's doctests leave out."""

# Sphinx settings; a service, and scripts, that tests start.
collect_ignore = ["conf.py", "examples", "gallery"]
