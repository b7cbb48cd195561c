"""What stands behind an error, when a signal stops a process while its modules load."""

from il2model.cli.stopping import Stopped, interruption


def test_a_signal_behind_the_error_of_a_module_that_loads_is_found():
    try:
        try:
            raise Stopped(15)
        except KeyboardInterrupt as stop:
            raise SystemError("initialization raised unreported exception") from stop
    except SystemError as error:
        found = interruption(error)
    assert isinstance(found, Stopped) and found.code == 143
    assert interruption(ImportError("no such module")) is None
