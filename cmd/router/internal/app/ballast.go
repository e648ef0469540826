package app

import "os"

// ballastBytes is how much memory the ballast only seems to take.
const ballastBytes = 64 << 20

// newBallast returns memory that nobody touches, so that it takes none of the machine's. The collector begins anew when as much
// has been allocated as is in use: of the few MiB that the router has in use without it, many times a second under load.
// With it the heap grows by 64 MiB and more in between. Who sets GOGC or GOMEMLIMIT decides otherwise.
func newBallast() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, ballastBytes)
}
