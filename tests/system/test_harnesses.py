"""Other people's tools drive the shell as they are: labgrid's U-Boot driver, on a socket
of QEMU and on a serial port, and the REPL wrapper of pexpect.
"""

import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pexpect
import pexpect.replwrap
import pytest
from labgrid import Environment
from labgrid.driver import ExecutionError, UBootDriver

from harness import KERNEL
from processes import stop
from qemu import Hardware, SocketMachine, command_for

PROMPT = "heapscope> "
SECONDS = 30

ENVIRONMENT = """
targets:
  main:
    resources:
      {resource}
    drivers:
      SerialDriver: {{}}
      UBootDriver:
        prompt: "heapscope> "
        boot_expression: "heapscope [0-9]"
"""
SOCKET = 'NetworkSerialPort: {{host: "127.0.0.1", port: {port}, speed: 115200, protocol: "raw"}}'
SERIAL = 'RawSerialPort: {{port: "{port}", speed: 115200}}'


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.02)


@contextmanager
def machine_on_tcp() -> Iterator[int]:
    """The port at which QEMU listens; the machine is switched on by who connects."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    console = ["-chardev", f"socket,id=con,host=127.0.0.1,port={port},server=on,wait=on"]
    process = subprocess.Popen(command_for(Hardware(KERNEL), console), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        assert "waiting for connection" in process.stdout.readline()
        yield port
    finally:
        stop(process)


@contextmanager
def machine_on_a_port(directory: Path) -> Iterator[Path]:
    """A serial port; the machine is switched on by who opens it."""
    port = directory / "tty"
    with SocketMachine(Hardware(KERNEL)) as machine:
        bridge = subprocess.Popen(
            ["socat", f"PTY,link={port},raw,echo=0,wait-slave",
             f"UNIX-CONNECT:{machine.socket_path},retry=100,interval=0.1"])
        try:
            wait_for(port)
            yield port
        finally:
            stop(bridge)


def uboot(directory: Path, resource: str) -> UBootDriver:
    """The driver that labgrid makes from an environment file, at the prompt."""
    file = directory / "labgrid.yaml"
    file.write_text(ENVIRONMENT.format(resource=resource))
    return Environment(str(file)).get_target("main").get_driver("UBootDriver")


@pytest.fixture(params=[SOCKET, SERIAL], ids=["socket", "serial"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UBootDriver]:
    serial = request.param == SERIAL
    with machine_on_a_port(tmp_path) if serial else machine_on_tcp() as port:
        driver = uboot(tmp_path, request.param.format(port=port))
        yield driver
        driver.target.cleanup()


def test_labgrid_reads_output_and_status(board: UBootDriver) -> None:
    assert board.run("echo hello") == (["hello"], [], 0)
    lines, _, status = board.run("alloc 64 -t page")
    assert status == 0
    assert [line.split()[0] for line in lines] == ["id", "a1"]
    assert board.run("free a7") == (["error: there is no block a7"], [], 1)
    lines, _, status = board.run("alloc")
    assert (lines[0], status) == ("error: alloc needs more arguments", 2)
    assert board.run("nosuch 1") == (["unknown command: nosuch"], [], 127)
    assert board.run("free a1 && free a1")[2] == 1
    assert board.run("echo hello") == (["hello"], [], 0)


def test_labgrid_reads_long_output(board: UBootDriver) -> None:
    board.run_check("alloc 16 -n 500")
    lines = board.run_check("heapmap -b")
    assert len([line for line in lines if " live " in line]) == 500
    page = board.run_check("help heapmap")
    assert (page[0], page[-1].split()[0]) == ("NAME", "alloc,")


def test_labgrid_raises_where_a_command_fails(board: UBootDriver) -> None:
    with pytest.raises(ExecutionError):
        board.run_check("free a1")
    assert board.run_check("echo 'a;b' \"c d\"") == ["a;b c d"]


def test_the_repl_wrapper_of_pexpect() -> None:
    machine = SocketMachine(Hardware(KERNEL))
    wait_for(machine.socket_path)
    child = pexpect.spawn(
        "socat", ["-,raw,echo=0", f"UNIX-CONNECT:{machine.socket_path},retry=100,interval=0.1"],
        encoding="latin-1", timeout=SECONDS)
    try:
        shell = pexpect.replwrap.REPLWrapper(child, PROMPT, None)

        def run(line: str) -> list[str]:
            echo, *output = shell.run_command(line).splitlines()
            assert echo == line
            return output

        for line, output, status in [
                ("echo hello", ["hello"], 0), ("free a1", ["error: there is no block a1"], 1),
                ("free", ["error: free needs a handle, an address, all, or -t TAG",
                          "usage: free WHAT... | all | -t TAG"], 2),
                ("nosuch", ["unknown command: nosuch"], 127)]:
            assert run(line) == output
            assert run("echo $?") == [str(status)]
        assert [line.split()[0] for line in run("alloc 64")] == ["id", "a1"]
        assert len(run("atags -x; heapmap; stats")) > 30
        run("poweroff 5")
    except pexpect.EOF:
        assert machine.wait() == 5
    else:
        pytest.fail("the machine is still there")
    finally:
        child.close()
        machine.close()
