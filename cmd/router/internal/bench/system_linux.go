package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// syncData syncs a file's content, and of its other properties only what is needed to read it.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// inMemory reports whether a directory is on a file system without a disk, where a sync costs nothing.
func inMemory(dir string) bool {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return false
	}
	kind := uint64(s.Type) & 0xffffffff
	return kind == tmpfs || kind == ramfs
}

// memoryOf returns how many bytes of a process are resident, and the most that ever were since forgetPeak. They are 0 where
// the system does not tell.
func memoryOf(pid int) (resident, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(text) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		to := &resident
		switch string(name) {
		case "VmRSS":
		case "VmHWM":
			to = &peak
		default:
			continue
		}
		kib, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 64)
		*to = kib << 10
	}
	return resident, peak
}

// forgetPeak begins a new peak; where the system refuses, the peak is that since the process began.
func forgetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
