"""An address that stands for several servers: each new connection goes to the next of them."""

import itertools
import socket
import threading


class Balancer:
    """Listens on a free port of the loopback from its creation to close()."""

    def __init__(self, *targets):
        self.targets = itertools.cycle(targets)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def send_all_to(self, target):
        """New connections; those that are open stay where they are."""
        self.targets = itertools.repeat(target)

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", next(self.targets)))
            except OSError:
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other direction has ended, and both with it
    source.close()
