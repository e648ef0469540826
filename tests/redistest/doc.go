// Package redistest runs real Redis servers for tests: one alone ([Start]), a master with replicas ([Replicated]), the
// same watched by Sentinels ([Sentinel]), and a cluster ([Cluster]). It kills, stops, continues and restarts them, makes
// them fail over, and moves slots between them. [Namespaces] makes networks that come apart, for servers and for the
// programs that use them.
//
// The servers are the redis-server and redis-sentinel of the machine, which `make test-setup` installs: a test fails where
// they are missing. Each is a process of its own on a free port of the loopback address, with its configuration, data and
// log in a directory of the test. What a test starts, its cleanup kills; if the test failed, it shows the logs first. A
// killed test binary takes its servers with it (on Linux).
//
// With SIGNALBOX_REDIS=docker in the environment the servers are containers instead, which testcontainers-go starts on the
// engine of this machine, from an image that is built of the machine's own redis-server and its libraries: nothing is
// pulled. Containers and namespaces of a killed test binary are removed by the next.
//
// Testcontainers-go brings some forty modules into go.mod. That is accepted: a module of its own for tests could not share
// packages with the other tests, and what only tests import is not linked into the router; tests/house sees to it that
// product code does not import this package.
//
// Methods without an error of their own fail the test that made the server, and so are for its goroutine; [Server.Do] is
// for any.
package redistest
