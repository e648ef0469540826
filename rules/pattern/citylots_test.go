package pattern_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// citylots is a public data set that other matchers are measured with: 206,560 plots of San Francisco, and sets of rules
// with the counts of their matches. It is not part of this repository.
type citylots struct {
	events [][]byte
	sets   []citySet
}

type citySet struct {
	name    string
	rules   [][]byte
	matches []int
}

// readCitylots reads the data set once per process.
var readCitylots = sync.OnceValues(func() (*citylots, error) {
	dir := os.Getenv("SIGNALBOX_REF")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "ref")
	}
	dir = filepath.Join(dir, "citylots")
	f, err := os.Open(filepath.Join(dir, "citylots2.json.gz"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	c := &citylots{}
	for line := range bytes.Lines(all) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			c.events = append(c.events, line)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "rules.json"))
	if err != nil {
		return nil, err
	}
	var sets map[string]struct {
		Rules   []json.RawMessage
		UnionOf []string `json:"union of"`
		Matches []int
	}
	if err := json.Unmarshal(text, &sets); err != nil {
		return nil, err
	}
	for name, set := range sets {
		s := citySet{name: name, matches: set.Matches}
		for _, r := range set.Rules {
			s.rules = append(s.rules, r)
		}
		for _, part := range set.UnionOf {
			for _, r := range sets[part].Rules {
				s.rules = append(s.rules, r)
			}
		}
		c.sets = append(c.sets, s)
	}
	slices.SortFunc(c.sets, func(a, b citySet) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return c, nil
})

func loadCitylots(tb testing.TB) *citylots {
	tb.Helper()
	c, err := readCitylots()
	if os.IsNotExist(err) {
		tb.Skipf("the citylots data set is not here (%v); set SIGNALBOX_REF to the directory that holds citylots/", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestCitylots(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("206,560 events")
	}
	c := loadCitylots(t)
	if len(c.events) != 206560 {
		t.Fatalf("%d events, want 206,560", len(c.events))
	}
	// COMBO and PARTIAL_COMBO contain all other sets but five, so one pass over an index of everything counts for all.
	var all [][]byte
	var want []int
	for _, s := range c.sets {
		if len(s.rules) != len(s.matches) {
			t.Fatalf("%s: %d rules, %d counts", s.name, len(s.rules), len(s.matches))
		}
		all = append(all, s.rules...)
		want = append(want, s.matches...)
	}
	got := make([]int, len(all))
	index := build(t, all)
	var ids []pattern.ID
	for _, e := range c.events {
		var err error
		if ids, err = index.Match(e, ids[:0]); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			got[id]++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("matches by rule (-want +got):\n%s", diff)
	}
}

func BenchmarkCitylots(b *testing.B) {
	c := loadCitylots(b)
	for _, s := range c.sets {
		b.Run(s.name, func(b *testing.B) {
			measure(b, build(b, s.rules), c.events)
		})
	}
}
