"""Helpers shared by the packages of skretrain."""
