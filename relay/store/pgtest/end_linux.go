package pgtest

import "syscall"

// endWithUs makes a process end with this one, however that ends.
func endWithUs(p *syscall.SysProcAttr) { p.Pdeathsig = syscall.SIGQUIT }
