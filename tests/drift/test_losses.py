"""What triggers get as the losses of a batch, and what they say if there are none."""

import numpy as np
import pytest

from skretrain.drift import ErrorDrift, RefitDebt, RiskMonitor, ScoredBatch
from skretrain.drift._losses import losses_of, scored_losses_of


@pytest.mark.parametrize("trigger", [ErrorDrift, RefitDebt, RiskMonitor])
def test_a_trigger_that_needs_losses_is_named_where_there_are_none(trigger):
    """So that the user of several triggers knows which one cannot be used."""
    message = rf"^{trigger.__name__} needs a loss per row, .* \(loss=None\).*Pass detector=None"
    with pytest.raises(ValueError, match=message):
        trigger().update(ScoredBatch(0, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_was_not_scored_is_left_out_and_the_batch_stays_as_it_was(dtype):
    """NaN marks a row without a score; infinity is a score."""
    loss = np.array([0.5, np.nan, np.inf, 0.0], dtype=dtype)
    batch = ScoredBatch(0, 4, loss)
    scored = scored_losses_of(batch, RefitDebt())
    assert (scored.dtype, scored.tolist()) == (np.float64, [0.5, np.inf, 0.0])
    scored[:] = 7.0
    np.testing.assert_array_equal(losses_of(batch, RefitDebt()), loss)
