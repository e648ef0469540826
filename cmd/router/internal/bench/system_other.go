//go:build !linux

package bench

import "os"

// syncData syncs a file.
func syncData(f *os.File) error { return f.Sync() }

// inMemory reports whether a directory is on a file system without a disk, which is not known here.
func inMemory(string) bool { return false }

// memoryOf returns 0: it is not known here.
func memoryOf(int) (resident, peak int64) { return 0, 0 }

// forgetPeak does nothing here.
func forgetPeak(int) {}
