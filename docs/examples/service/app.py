"""A model behind HTTP that goes on learning: ``uvicorn app:app``, from this folder, one worker.

``/predict`` answers and remembers; ``/labels`` takes what was right, whenever it comes; ``/health``
and ``/metrics`` say how it goes. Retrains are made in a process of their own. The state is saved
after each change of the model that serves, and at the end; the next start continues from there.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.serving import (
    BackgroundRetrainer,
    PendingLabels,
    load,
    on_event,
    prometheus_text,
    save,
)

STATE = Path(os.environ.get("SKRETRAIN_STATE", "state.skretrain"))


def first_ledger():
    """Return a ledger of a model that was fitted on what is labelled by now: put yours here."""
    X, y, _ = make_drifting_classification(500, random_state=0)
    base = make_pipeline(StandardScaler(), LogisticRegression())
    return PendingLabels(DriftAwareRetrainer(base).fit(X, y))


class Service:
    """What serves, what learns, and the file that both are saved to."""

    def __init__(self):
        self.ledger = load(STATE) if STATE.exists() else first_ledger()
        self.model = self.ledger.model  # for what only reads
        self.pool = None  # with the first job
        self.learner = BackgroundRetrainer(self.model, self.new_pool)
        self.save()
        on_event(self.learner, {"retrained": self.save, "rolled_back": self.save})

    def new_pool(self):
        """Return what retrains; threads of a server are not to be forked."""
        self.pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        return self.pool

    @property
    def version(self):
        """The version that serves: each change of it is an event."""
        return self.model.events_[-1].version

    def learn(self, ids, labels):
        """Learn from labels that have come; until that is done, nobody saves half of it."""
        with self.learner.paused():
            X, y, params = self.ledger.resolve(ids, labels)
            self.learner.partial_fit(X, y, **params)
        return len(y)

    def save(self, event=None):
        """Save model, memory, and the predictions that wait for a label, as of one moment."""
        with self.learner.paused():
            save(self.ledger, STATE)
            self.saved_version = self.version

    def close(self):
        """Give up the retrain that is out, which the next start makes anew, and save."""
        self.learner.close()
        self.save()
        if self.pool is not None:
            self.pool.shutdown()  # else the server may end before its worker, and leave it behind


@asynccontextmanager
async def lifespan(app):
    """Load at the start, save at the end."""
    app.state.service = Service()
    yield
    app.state.service.close()


def running(request: Request):
    """Return the service."""
    return request.app.state.service


Running = Annotated[Service, Depends(running)]
app = FastAPI(lifespan=lifespan)


class Rows(BaseModel):
    """Rows to predict."""

    rows: list[list[float]]


class Labels(BaseModel):
    """What was right, by the ids that ``/predict`` gave."""

    ids: list[str]
    labels: list[int]


# Functions that are not async run in threads: predictions do not wait for each other, nor for
# those that learn.
@app.post("/predict")
def predict(body: Rows, service: Running):
    """Predict rows, and say under which ids their labels are awaited, and what version answered.

    The ids are no numbers: after a crash, the ledger of the last save would give some of those
    again, and a label would find the row of somebody else.
    """
    ids = [uuid4().hex for _ in body.rows]
    try:
        _, y_pred = service.ledger.predict(np.array(body.rows, dtype=float), ids=ids)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    versions = service.ledger.versions(ids)
    return {"ids": ids, "predictions": y_pred.tolist(), "version": int(versions.max(initial=0))}


@app.post("/labels")
def labels(body: Labels, service: Running):
    """Learn from labels; send many at a time, and again what was sent since the last save."""
    try:
        return {"learned": service.learn(body.ids, body.labels)}
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@app.get("/health")
def health(service: Running):
    """Say that the service is there, and what it serves."""
    return {
        "status": "ok",
        "version": service.version,
        "saved_version": service.saved_version,
        "rows_seen": service.model.n_samples_seen_,
        "pending_labels": len(service.ledger),
    }


@app.get("/metrics", response_class=PlainTextResponse)
def metrics(service: Running):
    """Return the page that Prometheus reads."""
    page = prometheus_text(service.ledger, labels={"service": "example"})
    return PlainTextResponse(page, media_type="text/plain; version=0.0.4")
