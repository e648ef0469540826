package redistest

import "syscall"

// ownGroup gives a process a group of its own, and has the system kill it when the tests die without cleaning up.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
