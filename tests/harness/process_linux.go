package harness

import "syscall"

// dieWithParent has the system kill a program when the tests die without cleaning up.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
