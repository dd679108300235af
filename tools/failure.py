"""The one way in which a host tool gives up.

A Failure carries the line that the user sees and the exit status.
"""

USAGE_STATUS = 2
MACHINE_STATUS = 125  # the machine, not a command in it, went wrong


class Failure(Exception):
    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
