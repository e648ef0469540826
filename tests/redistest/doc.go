// Package redistest runs real Redis servers for tests: one alone ([Start]), a master with replicas ([Replicated]), the
// same watched by Sentinels ([Sentinel]), and a cluster ([Cluster]). It kills, stops, continues and restarts them, makes
// them fail over, and moves slots between them.
//
// The servers are the redis-server and redis-sentinel of the machine, which `make test-setup` installs: a test fails where
// they are missing. Each is a process of its own on a free port of the loopback address, with its configuration, data and
// log in a directory of the test. What a test starts, its cleanup kills; if the test failed, it shows the logs first. A
// killed test binary takes its servers with it (on Linux).
//
// Methods without an error of their own fail the test that made the server, and so are for its goroutine; [Server.Do] is
// for any.
package redistest
