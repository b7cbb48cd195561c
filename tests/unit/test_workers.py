"""Worker processes never get an interrupt, and end with their parent."""

import signal
from concurrent.futures import ProcessPoolExecutor

from il2model.workers import begin, context


def blocked():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.getsignal(signal.SIGINT)


def test_an_interrupt_is_blocked_in_a_worker_and_not_here():
    with ProcessPoolExecutor(1, mp_context=context(), initializer=begin) as pool:
        assert pool.submit(blocked).result() == (True, signal.SIG_IGN)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
