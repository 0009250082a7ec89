"""The order of the gallery: the reader's way through it, not the alphabet's."""

_ORDER = (
    "plot_stream_loop.py",
    "plot_forgetting.py",
    "plot_challenges.py",
    "plot_data_drift.py",
    "plot_should_i_retrain.py",
    "plot_rare_class.py",
    "plot_new_class.py",
    "plot_late_labels.py",
    "plot_bike_regression.py",
    "plot_mixture.py",
    "plot_recursive_ridge.py",
    "plot_grid_search.py",
    "plot_pipeline.py",
    "plot_partial_fit_pipeline.py",
    "plot_lightgbm_pipeline.py",
    "plot_job_csv.py",
    "plot_job_daily_fraud.py",
    "plot_job_energy.py",
    "plot_job_text.py",
    "plot_job_stores.py",
    "plot_fleet.py",
)


class ReadersWay:
    """A sort key for sphinx-gallery; a file that is not in the list raises."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __call__(self, filename):
        """Return the place of a file."""
        return _ORDER.index(filename)
