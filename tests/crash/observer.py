"""Looks at sinks and positions from outside while everything runs."""

import threading

import psycopg2

from tests.crash import check
from tests.crash.sinks import PostgresSink


class Observer(threading.Thread):
    """I4, I5 and I6, several times a second."""

    def __init__(self, run):
        super().__init__(name="observer", daemon=True)
        self.run_ = run
        self.stopping = threading.Event()
        self.looks = 0
        self.sinks = [s for s in run.sinks if isinstance(s, PostgresSink)]

    def run(self):
        while not self.stopping.wait(0.15):
            try:
                self._look()
            except (OSError, ValueError, psycopg2.Error, *self.run_.source.ERRORS):
                continue  # whatever is down just now is looked at again later
            self.looks += 1

    def _look(self):
        run = self.run_
        if run.daemon.running:
            try:
                for pipeline in run.daemon.status()["pipelines"]:
                    for sink in pipeline["sinks"]:
                        run.monotone.see(sink["name"], sink["position"])
            except OSError:
                pass
        # The acknowledged position first: whatever it covers must be there now.
        acknowledged = run.source.acknowledged(run.daemon)
        if acknowledged:
            # A daemon that is killed all the time must not fall behind without bounds.
            run.load.slowed = run.source.position() - acknowledged > run.source.backlog
        committed = run.load.committed()
        for sink in self.sinks:
            manifests, atoms = sink.atoms_now()
            check.check_atoms(manifests, atoms, sink.name, run.report)
            if acknowledged:
                check.check_acknowledged(
                    acknowledged, committed, manifests, sink.name, run.report)
