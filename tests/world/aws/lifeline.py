"""How an emulator notices that local_aws.py is gone: the pipe on its stdin ends. Not for any other process."""

import os
import signal
import threading


def end_with_parent():
    """Kills this process's whole group, functions included, as soon as stdin ends.

    local_aws.py does the same itself when it can; this is for the day it is killed with SIGKILL.
    """

    def wait_and_kill():
        while os.read(0, 4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait_and_kill, daemon=True, name="lifeline").start()
