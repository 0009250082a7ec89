"""Which classifiers can learn from weighted copies of their rows."""

from sklearn.utils import get_tags

from ..compose._structure import predictor_of
from ..compose._update import weight_taken
from ..utils._params import is_flag

SEVERAL_OUTPUTS = (
    "DistillingRefit weighs the classes of one output, and this classifier has several"
)
# By these, classes have other weights; the latter four are those of boosters.
_CLASS_WEIGHTS = frozenset(
    ("class_weight", "class_weights", "auto_class_weights", "scale_pos_weight", "is_unbalance")
)


def check_copies(base):
    """Raise ValueError unless a classifier can learn from weighted copies of its rows."""
    if not get_tags(base).target_tags.single_output:
        raise ValueError(
            f"{SEVERAL_OUTPUTS}. Use the policy 'full_refit', or one retrainer for each output."
        )
    if not weight_taken(base):
        raise ValueError(
            "DistillingRefit copies a row for each class that its label or the serving model says, "
            "with the share of that class as sample_weight, and the fit of "
            f"{type(predictor_of(base)[0]).__name__} does not ask for sample_weight. Choose a base "
            "whose fit does, or a policy that needs no weights, such as ReplayMix or 'full_refit'."
        )
    params = base.get_params()
    for path, value in params.items():
        if path.split("__")[-1] in _CLASS_WEIGHTS and value is not None and value is not False:
            raise ValueError(
                "DistillingRefit changes the counts of the classes by its copies of rows, and "
                f"{path}={value!r} of the base would weigh what the serving model says, too. Leave "
                "it at its default and pass sample_weight with the rows "
                "(sklearn.utils.class_weight.compute_sample_weight), or use the policy "
                "'full_refit'."
            )
        if _splits_rows(params, path):
            raise ValueError(
                f"DistillingRefit copies rows, and by {path}={value!r} the base would judge itself "
                "on copies of rows that it has learned. Switch that off, or use what is inside "
                "with its parameters set (a search can be put around the retrainer), or use the "
                "policy 'full_refit'."
            )


def _splits_rows(params, path):
    """Tell whether a parameter makes its owner learn some rows and judge itself on the others."""
    value, name = params[path], path.split("__")[-1]
    if name == "cv":
        return True  # None is five folds
    if name == "n_iter_no_change":
        owner = path.removesuffix(name)
        is_switch = f"{owner}validation_fraction" in params
        return is_switch and f"{owner}early_stopping" not in params and value is not None
    if name == "early_stopping":  # another value is a number of rounds, or for many rows only
        return is_flag(value) and bool(value)
    return name == "oob_score" and bool(value)
