//go:build !linux && !darwin

package trial

import "os/exec"

// separate does nothing: the process has no children.
func separate(*exec.Cmd) {}

func yieldToOthers(int) {}

func limitMemory(uint64) {}
