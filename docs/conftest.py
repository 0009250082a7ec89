"""What the documentation's doctests leave out."""

# Sphinx settings, and scripts that tests/test_gallery.py runs.
collect_ignore = ["conf.py", "gallery"]
