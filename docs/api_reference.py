"""Every public name, by the module it is imported from: the one source of the API page."""

API = {
    "skretrain": (
        "The estimators",
        "Wrap a scikit-learn estimator in one of these.",
        ["DriftAwareRetrainer", "MixtureRetrainer", "ReplayPartialFit", "make_mixture"],
    ),
    "skretrain.drift": (
        "Triggers: when to retrain",
        "A trigger reads one loss per row, or the rows themselves, and says whether they drifted.",
        [
            "AtLeast",
            "BaseTrigger",
            "Calibration",
            "DomainDrift",
            "ErrorDrift",
            "FeatureDrift",
            "FitRecord",
            "Periodic",
            "PredictionDrift",
            "RefitDebt",
            "RiskMonitor",
            "ScoredBatch",
            "Signal",
            "SliceDrift",
            "calibrate",
        ],
    ),
    "skretrain.buffers": (
        "Buffers: on which rows",
        "A buffer remembers rows, with their targets and metadata, in bounded memory.",
        ["BaseBuffer", "Memory", "Reservoir", "Rows", "SlidingWindow", "StratifiedReservoir"],
    ),
    "skretrain.policies": (
        "Policies: how to retrain",
        "A policy builds a candidate and never changes the serving model.",
        [
            "AnchoredUpdate",
            "BasePolicy",
            "Candidate",
            "DistillingRefit",
            "FineTune",
            "FullRefit",
            "KeepOrRefit",
            "ReplayMix",
            "RetrainContext",
            "Revive",
            "Served",
            "WarmStart",
        ],
    ),
    "skretrain.compose": (
        "Composition",
        "Go on learning through pipelines, by a plan for each step and an adapter for each family.",
        [
            "BaseAdapter",
            "Effort",
            "IncrementalPipeline",
            "Learner",
            "explain_plan",
            "make_incremental_pipeline",
            "partial_fit",
            "register_adapter",
        ],
    ),
    "skretrain.linear_model": (
        "Linear models that go on learning",
        "Plain scikit-learn estimators, exact after any number of batches; no retraining inside.",
        ["RecursiveRidgeClassifier", "RecursiveRidgeRegressor"],
    ),
    "skretrain.gates": (
        "Gates: whether to serve the candidate",
        "A gate judges a candidate on rows that neither model has trained on.",
        ["AlwaysPromote", "BaseGate", "PairedGate", "Trial", "Verdict"],
    ),
    "skretrain.model_selection": (
        "Evaluation",
        "Test-then-train evaluation, with labels that arrive late.",
        [
            "Advice",
            "OldVersusNew",
            "PolicyComparison",
            "PolicyRun",
            "PrequentialResult",
            "Recommendation",
            "ReplayResult",
            "ReplayState",
            "RetrainMatrix",
            "RollingChoice",
            "StreamResult",
            "advise",
            "compare_policies",
            "make_prequential_scorer",
            "prequential_predict",
            "prequential_validate",
        ],
    ),
    "skretrain.serving": (
        "Serving: state on disk, versions, retrains beside the service, late labels",
        "What a model in service needs: a state that outlives its process, and versions to go back "
        "to; retrains that are made elsewhere; what it tells of itself; what stands between it and "
        "the labels of its predictions, how good it is while they are missing, and which of them "
        "to ask for.",
        [
            "BackgroundRetrainer",
            "DistributedSegments",
            "ExpectedPerformance",
            "PendingLabels",
            "PerformanceEstimate",
            "SegmentedRetrainer",
            "VersionStore",
            "checkpoint_info",
            "export",
            "load",
            "on_event",
            "prometheus_text",
            "save",
            "select_for_labelling",
            "trusted_types",
        ],
    ),
    "skretrain.metrics": (
        "Metrics",
        "What ``sklearn.metrics`` lacks for streams.",
        [
            "Price",
            "SliceScore",
            "WorstSlice",
            "backward_transfer",
            "churn",
            "find_worst_slice",
            "forgetting",
            "forward_transfer",
            "kappa_temporal",
            "negative_flip_rate",
            "no_change_predict",
            "reentry_error",
            "slice_scores",
        ],
    ),
    "skretrain.inspection": (
        "Inspection",
        "Plots; they need matplotlib (``pip install skretrain[plot]``).",
        [
            "DistributionDisplay",
            "DriftTimelineDisplay",
            "FeatureDriftDisplay",
            "ForgettingDisplay",
            "MixtureDisplay",
            "PerClassDisplay",
            "PolicyComparisonDisplay",
            "PolicyParetoDisplay",
            "RegretDisplay",
            "RollingChoiceDisplay",
            "SegmentsDisplay",
            "SliceDisplay",
        ],
    ),
    "skretrain.datasets": (
        "Datasets",
        "Seeded streams whose drift rows are known, and files, tables and queries read as streams.",
        [
            "iter_batches",
            "iter_csv",
            "iter_parquet",
            "make_drifting_classification",
            "make_drifting_regression",
        ],
    ),
    "skretrain.utils.estimator_checks": (
        "Checks for your own estimators and parts",
        "The checks that skretrain runs on itself.",
        ["ScriptedDetector", "check_retrainer", "parametrize_with_retrainer_checks"],
    ),
    "skretrain.exceptions": (
        "Warnings",
        "One family, so that one filter can address them all.",
        [
            "CheckpointVersionWarning",
            "ClassesGrewWarning",
            "ConstantModelWarning",
            "ForgettingWarning",
            "MovingInputWarning",
            "RetrainFailedWarning",
            "SkretrainWarning",
            "UpdateFailedWarning",
        ],
    ),
}


def as_rst():
    """Return the API page: one autosummary table per module."""
    lines = [".. _api:", "", "API reference", "=============", ""]
    for module, (title, sentence, names) in API.items():
        lines += [title, "-" * len(title), "", f".. currentmodule:: {module}", ""]
        lines += [f"``{module}``: {sentence[0].lower()}{sentence[1:]}", ""]
        lines += [".. autosummary::", "   :toctree: generated", ""]
        lines += [f"   {name}" for name in names] + [""]
    return "\n".join(lines)


def actions_as_rst():
    """Return what the actions of events mean, as a list of fields for the glossary."""
    from skretrain.utils._events import ACTIONS

    return "".join(f":``{action.name}``: {action.meaning}\n" for action in ACTIONS.values())
