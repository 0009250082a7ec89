"""The example of a service, run as its page says, by real clients over HTTP."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skretrain.datasets import make_drifting_classification

httpx = pytest.importorskip("httpx", reason="the extra `integration` is not installed")
pytest.importorskip("fastapi", reason="the extra `integration` is not installed")
pytest.importorskip("uvicorn", reason="the extra `integration` is not installed")
parser = pytest.importorskip(
    "prometheus_client.parser", reason="the extra `integration` is not installed"
)

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "service"
N_CLIENTS = 8
ROWS = 2  # of a call
PART = 500  # rows of the stream, after which a retrain may end
PATIENCE = 120  # seconds for what is done in a fraction of one; nothing is measured

# Labels turn round three times.
X, Y, _ = make_drifting_classification(7_000, drift_rows=[1_500, 3_000, 4_500], random_state=0)


class Server:
    """The process of the example."""

    def __init__(self, state):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning"],
            cwd=EXAMPLE,
            env={**os.environ, "SKRETRAIN_STATE": str(state)},
            start_new_session=True,
        )
        self._wait_until_up()

    def _wait_until_up(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, "the server has ended"
            try:
                httpx.get(f"{self.url}/health")
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def client(self):
        return httpx.Client(base_url=self.url, timeout=PATIENCE)

    def stop(self):
        """End it as a scheduler does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) in (0, -signal.SIGTERM)

    def kill(self):
        """End it as a power cut does, its worker, too."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)


@pytest.fixture
def start(tmp_path):
    """Return a function that starts the server on one state; none is left behind."""
    servers = []

    def started():
        servers.append(Server(tmp_path / "state.skretrain"))
        return servers[-1]

    yield started
    for server in servers:
        server.kill()


class Traffic:
    """Clients that predict the stream, each its own rows, and one that brings the labels."""

    def __init__(self, server):
        self.server = server
        self.answers = []  # (client, answer) as they came
        self.awaiting = []  # (ids, labels)
        self.lock = threading.Lock()

    def predict(self, client, starts):
        with self.server.client() as http:
            for begin in starts:
                rows = X[begin : begin + ROWS].tolist()
                reply = http.post("/predict", json={"rows": rows})
                assert reply.status_code == 200, reply.text
                answer = reply.json()
                with self.lock:
                    self.answers.append((client, answer))
                    self.awaiting.append((answer["ids"], Y[begin : begin + ROWS].tolist()))

    def label(self):
        """Send all labels that are known by now, and return how many were learned."""
        with self.lock:
            known, self.awaiting = self.awaiting, []
        ids = [each for some, _ in known for each in some]
        labels = [each for _, some in known for each in some]
        with self.server.client() as http:
            reply = http.post("/labels", json={"ids": ids, "labels": labels})
        assert reply.status_code == 200, reply.text
        return reply.json()["learned"]

    def run(self, first, last):
        """Send the rows of a part of the stream, and their labels meanwhile."""
        starts = range(first, last, ROWS)
        learned = 0
        with ThreadPoolExecutor(N_CLIENTS) as pool:
            calls = [
                pool.submit(self.predict, client, starts[client::N_CLIENTS])
                for client in range(N_CLIENTS)
            ]
            while not all(call.done() for call in calls):
                learned += self.label()
                time.sleep(0.05)
            for call in calls:
                call.result()
        learned += self.label()
        self.wait_for_retrain()
        return learned

    def metrics(self):
        """Return the value of each sample, by name and action."""
        with self.server.client() as http:
            page = http.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
        return {
            (sample.name, sample.labels.get("action")): sample.value
            for family in parser.text_string_to_metric_families(page.text)
            for sample in family.samples
        }

    def health(self):
        with self.server.client() as http:
            return http.get("/health").json()

    def wait_for_retrain(self):
        """Wait until no retrain is being made: then no version comes before the next label."""
        wait_until(lambda: not self.metrics()["skretrain_retrain_due", None])

    def wait_for_save(self):
        """Wait until the version that serves is on disk, which comes right after its promotion."""
        wait_until(lambda: self.health()["saved_version"] == self.health()["version"])


def wait_until(holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_eight_clients_are_answered_while_the_model_learns_and_is_replaced(start):
    """No call fails, each answer names a version, which never goes back for a client."""
    traffic = Traffic(start())
    assert sum(traffic.run(first, first + PART) for first in range(0, 6_000, PART)) == 6_000
    assert len(traffic.answers) == 3_000
    served = {answer["version"] for _, answer in traffic.answers}
    assert len(served) >= 4  # three swaps, at least
    for client in range(N_CLIENTS):
        versions = [answer["version"] for each, answer in traffic.answers if each == client]
        assert versions == sorted(versions)
    assert all(len(answer["predictions"]) == ROWS for _, answer in traffic.answers)
    samples, health = traffic.metrics(), traffic.health()
    assert health["status"] == "ok"
    assert (health["rows_seen"], health["pending_labels"]) == (6_500, 0)
    assert samples["skretrain_rows_seen_total", None] == 6_500
    assert samples["skretrain_predictions_total", None] == 6_000
    assert samples["skretrain_serving_version", None] == health["version"] >= max(served)
    assert samples["skretrain_events_total", "failed"] == 0


def test_a_service_that_was_killed_continues_from_its_last_save(start):
    """What came after the save is sent again, or refused by its id; no label finds another row."""
    server = start()
    traffic = Traffic(server)
    parts = iter(range(0, 6_000, PART))
    while traffic.health()["version"] < 2:
        first = next(parts)
        traffic.run(first, first + PART)
    traffic.wait_for_save()
    traffic.predict(0, [6_000])
    ((ids, labels),) = traffic.awaiting
    before = traffic.health()
    server.kill()

    traffic = Traffic(start())
    after = traffic.health()
    assert after["version"] == before["version"]
    assert 500 < after["rows_seen"] <= before["rows_seen"]
    with traffic.server.client() as http:
        reply = http.post("/labels", json={"ids": ids, "labels": labels})
    assert reply.status_code == 422
    assert "not held" in reply.json()["detail"]
    traffic.run(6_002, 6_100)
    assert min(answer["version"] for _, answer in traffic.answers) == before["version"]


def test_a_service_that_is_stopped_loses_nothing(start):
    server = start()
    traffic = Traffic(server)
    traffic.run(0, 1_000)
    traffic.predict(0, range(1_000, 1_100, ROWS))
    traffic.wait_for_save()
    before = traffic.health()
    assert before["pending_labels"] == 100
    server.stop()

    traffic.server = start()
    assert traffic.health() == before
    assert traffic.label() == 100


def test_what_cannot_be_read_is_refused_and_nothing_changes(start):
    server = start()
    with server.client() as http:
        before = http.get("/health").json()
        for rows in ([[1.0]], [[1.0], [1.0, 2.0]], [["a"]]):
            assert http.post("/predict", json={"rows": rows}).status_code == 422
        wrong = {"ids": ["nobody"], "labels": [1]}
        assert http.post("/labels", json=wrong).status_code == 422
        assert http.post("/predict", json={"rows": []}).status_code in (200, 422)
        assert http.get("/health").json() == before
