"""The estimator that all retrainers are, and the cycle under it: test, then learn."""
