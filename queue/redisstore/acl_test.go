package redisstore

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// aclRules returns the rights that docs/scaling.md gives the router's user, for the namespaces of the tests.
func aclRules(t *testing.T) []any {
	t.Helper()
	text, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "ACL SETUSER router ")
	rest, _, _ = strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/scaling.md has no ACL SETUSER router")
	}
	rest = strings.ReplaceAll(strings.ReplaceAll(rest, "\\\n", " "), "{sb", "{t")
	args := []any{"acl", "setuser", "router"}
	for _, rule := range strings.Fields(rest) {
		args = append(args, strings.Trim(rule, "'"))
	}
	return append(args, ">secret")
}

// TestACL shows that a user with the rights of docs/scaling.md can do all that a store does.
func TestACL(t *testing.T) {
	t.Parallel()
	testACL(t, redistest.Start(t, inMemory))
}

func TestACLOnACluster(t *testing.T) {
	t.Parallel()
	testACL(t, redistest.Cluster(t, 3, 0, inMemory).Nodes...)
}

func testACL(t *testing.T, nodes ...*redistest.Server) {
	rules := aclRules(t)
	for _, n := range nodes {
		if _, err := n.Do(t.Context(), rules...); err != nil {
			t.Fatal(err)
		}
	}
	as := func() *place {
		p := newPlace(nodes[0].Addr())
		p.url = strings.Replace(p.url, "redis://", "redis://router:secret@", 1)
		return p
	}
	t.Run("import", func(t *testing.T) { testImport(t, as()) })
	t.Run("store", func(t *testing.T) {
		storetest.Run(t, storetest.Harness{New: func() (storetest.Data, error) { return as(), nil }, Small: true})
	})
	t.Cleanup(func() {
		for _, n := range nodes {
			// The context of a test has ended in its cleanup.
			log, err := n.Do(context.Background(), "acl", "log")
			if refused, ok := log.([]any); err != nil || !ok || len(refused) > 0 {
				t.Errorf("%s refused: %v, %v", n.Addr(), log, err)
			}
		}
	})
	if _, err := Open(t.Context(), Options{URL: strings.Replace(as().url, "secret", "wrong", 1), DialTimeout: -1}, nil); err == nil {
		t.Error("a wrong password is accepted")
	}
	for _, n := range nodes {
		if _, err := n.Do(t.Context(), "acl", "log", "reset"); err != nil { // of that attempt
			t.Fatal(err)
		}
	}
}
