package redistest

import "os"

// containers says that servers are to run in containers.
func containers() bool { return os.Getenv("SIGNALBOX_REDIS") == "docker" }
