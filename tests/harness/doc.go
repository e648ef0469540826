// Package harness runs the real router for black-box tests: it builds the binary once, starts it on a free port with a
// data directory of its own, and speaks to it as clients do. It knows the product only by its command line, its HTTP API
// and its YAML, and imports no package of it.
//
// What a test starts, its cleanup ends. Everything listens on the loopback address, on ports the system chooses.
package harness
