//go:build unix && !linux

package pgtest

import "syscall"

func endWithUs(*syscall.SysProcAttr) {}
