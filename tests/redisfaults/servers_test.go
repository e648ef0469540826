package redisfaults

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// ask sends a command that has to succeed.
func ask(t testing.TB, s *redistest.Server, args ...any) any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := s.Do(ctx, args...)
	if err != nil {
		t.Fatalf("%s: %v: %v", s.Addr(), args, err)
	}
	return answer
}

// clientsOf takes the answer to CLIENT LIST apart.
func clientsOf(answer any) []map[string]string {
	text, _ := answer.(string)
	var all []map[string]string
	for line := range strings.Lines(text) {
		fields := map[string]string{}
		for field := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(field, "=")
			fields[name] = value
		}
		all = append(all, fields)
	}
	return all
}

// portOf returns at which port a replica listens that has a connection from an address: what INFO says in the order of CLIENT
// LIST.
func portOf(t testing.TB, master *redistest.Server, addr string) string {
	t.Helper()
	list := clientsOf(ask(t, master, "CLIENT", "LIST", "TYPE", "replica"))
	for i, c := range list {
		if c["addr"] != addr {
			continue
		}
		for field := range strings.SplitSeq(master.Info("replication", "slave"+string(rune('0'+i))), ",") {
			if port, ok := strings.CutPrefix(field, "port="); ok {
				return port
			}
		}
	}
	_, port, _ := net.SplitHostPort(addr)
	return port
}
