"""What the emulators get wrong or lack, put right from outside, one matter a file.

Every patch takes hold of private names through `private`, which refuses to start when one of them has changed. A
patch makes an emulator answer as AWS documents; it must not make a test easier than AWS would.
"""
