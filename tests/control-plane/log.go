// The log file. etcd, klog and the Go runtime itself all write to stderr: giving that descriptor to the
// file keeps the terminal clean and a crash on record.

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// redirectStderr makes the process's stderr append to the file, and returns the former stderr, for the
// one line a person should read.
func redirectStderr(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log cannot be opened: %w", err)
	}
	defer file.Close()
	former, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("stderr cannot be kept: %w", err)
	}
	if err := unix.Dup2(int(file.Fd()), 2); err != nil {
		return nil, fmt.Errorf("stderr cannot be sent to the log: %w", err)
	}
	return os.NewFile(uintptr(former), "stderr"), nil
}
