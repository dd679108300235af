"""Ending processes that a tool has started, and what their end means."""

import subprocess

_STOP_SECONDS = 3


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Politely at first; nothing to do for one that has ended."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def exit_status(returncode: int) -> int:
    """What a shell would call it: a signal counts from 128."""
    return returncode if returncode >= 0 else 128 - returncode
