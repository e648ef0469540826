package main

import (
	"runtime/debug"

	_ "time/tzdata" // the binary runs where there is no zone database, in an empty image
)

// version is the module's version as the Go toolchain recorded it: a release, or a commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
