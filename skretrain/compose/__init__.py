"""Learning through any estimator: how a base is fitted and continued."""

__all__ = []
