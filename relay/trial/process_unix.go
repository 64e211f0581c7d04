//go:build linux || darwin

package trial

import (
	"os/exec"
	"syscall"
)

// separate gives a process a group of its own, which ends as a whole.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// yieldToOthers lets other processes go first, with all threads of this one: Linux counts the niceness by thread, and by
// group it reaches each.
func yieldToOthers(nice int) {
	_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, nice) // without it the limit of time still holds
}

// limitMemory makes the system refuse more memory, where it can. The limit is for a single large piece; see bound.
func limitMemory(bytes uint64) {
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: bytes, Max: bytes})
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
