package redisstore

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Library is a library of Redis functions. It is loaded on every master at the start, and again wherever it is missing: on a
// master that was added, and after FUNCTION FLUSH.
//
// Nodes of two releases may run at once, so a library never takes anything away: what can not be called as before gets
// another name. A line "-- revision: N" in the code says which of two is the newer one. A node that finds a newer revision
// leaves it alone; otherwise the older node would take away functions that the newer one calls.
type Library struct {
	// Name is the name that the code's first line gives it.
	Name string
	// Code is the whole text: "#!lua name=…".
	Code string
}

var revisionLine = regexp.MustCompile(`(?m)^-- revision: *(\d+) *\r?$`)

// revision returns the N of the line "-- revision: N", or 0.
func revision(code string) int {
	m := revisionLine.FindStringSubmatch(code)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func (l Library) validate() error {
	first, _, _ := strings.Cut(l.Code, "\n")
	if strings.TrimSpace(first) != "#!lua name="+l.Name {
		return fmt.Errorf("function library %q: its first line must be %q", l.Name, "#!lua name="+l.Name)
	}
	return nil
}

// load makes sure that a master has the library, or a newer one.
func (l Library) load(ctx context.Context, node *redis.Client) error {
	found, err := node.FunctionList(ctx, redis.FunctionListQuery{LibraryNamePattern: l.Name, WithCode: true}).Result()
	if err != nil {
		return fmt.Errorf("list functions: %w", err)
	}
	for _, have := range found {
		if have.Name == l.Name && (have.Code == l.Code || revision(have.Code) > revision(l.Code)) {
			return nil
		}
	}
	if err := node.FunctionLoadReplace(ctx, l.Code).Err(); err != nil {
		return fmt.Errorf("load functions: %w", err)
	}
	return nil
}

// load makes sure that a master has the library. Of calls that find it missing at once, one loads it: the others, whose seen
// is the number of loads before they were sent, find that it was.
func (c *client) load(ctx context.Context, m *master, seen uint64) error {
	m.loading.Lock()
	defer m.loading.Unlock()
	if m.loads.Load() != seen {
		return nil
	}
	if err := c.library.load(ctx, m.node); err != nil {
		return err
	}
	m.loads.Add(1)
	return nil
}
