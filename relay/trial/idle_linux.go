package trial

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// yieldAlways has all threads of this process run only while no other one wants to: with niceness alone they finish their
// turn, a few milliseconds, before a webhook gets its answer. Threads that start later do as those that start them.
func yieldAlways() {
	threads, _ := os.ReadDir("/proc/self/task") // without it niceness has to do
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
		}
	}
}
