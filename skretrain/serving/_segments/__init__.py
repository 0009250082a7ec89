"""One retrainer per segment, thousands of them."""
