"""Runs a program on a terminal of its own, for tests of what a person would see and type.

    python terminal.py PROGRAM ARGS...

What the program shows comes out on stdout as it is, escape sequences included. What comes in on stdin is typed: a line
with its end, or the character 3, which is Ctrl-C. The exit code is the program's; 255 when a signal ended it. When stdin
ends before the program does, the program is killed.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios

ROWS, COLUMNS = 40, 120


def main():
    program, keyboard = sys.argv[1:], sys.stdin.fileno()
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(program[0], program)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    while True:
        readable, _, _ = select.select([terminal, keyboard], [], [])
        if terminal in readable:
            shown = read(terminal)
            if not shown:
                break
            os.write(sys.stdout.fileno(), shown)
        elif keyboard in readable:
            typed = read(keyboard)
            if not typed:
                os.kill(child, signal.SIGKILL)
                break
            os.write(terminal, typed)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255


def read(descriptor):
    """What there is; nothing at its end, which a terminal tells by an error on Linux."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


sys.exit(main())
