package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func open(tb testing.TB, b catalog.Backend) *catalog.Catalog {
	tb.Helper()
	c, err := catalog.Open(context.Background(), b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func named(name string) catalog.Name {
	return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: name}
}

func put(name, value string) catalog.Change {
	return catalog.Change{Table: "queues", Name: named(name), Value: []byte(value)}
}

func del(name string) catalog.Change { return catalog.Change{Table: "queues", Name: named(name)} }

func TestSetConditions(t *testing.T) {
	t.Parallel()
	requires := func(name string, id, revision uint64) []catalog.Requirement {
		return []catalog.Requirement{{Table: "queues", Name: named(name), ID: id, Revision: revision}}
	}
	managed, taken, invalid := new(catalog.ManagedError), new(catalog.TakenError), new(catalog.InvalidError)
	// "a" has ID 1 and revision 3, "b" ID 2 and revision 1, "f" is of file:f with ID 3 and revision 2.
	for name, test := range map[string]struct {
		set  catalog.Set
		want error
	}{
		"create":                  {catalog.Set{Changes: []catalog.Change{put("n", `1`).If(0)}}, nil},
		"create existing":         {catalog.Set{Changes: []catalog.Change{put("a", `1`).If(0)}}, catalog.ErrExists},
		"create existing managed": {catalog.Set{Changes: []catalog.Change{put("f", `1`).If(0)}}, catalog.ErrExists},
		"put new":                 {catalog.Set{Changes: []catalog.Change{put("n", `1`)}}, nil},
		"put over":                {catalog.Set{Changes: []catalog.Change{put("a", `1`)}}, nil},
		"put over managed":        {catalog.Set{Changes: []catalog.Change{put("f", `1`)}}, managed},
		"put by owner":            {catalog.Set{Changes: []catalog.Change{put("f", `1`)}, Owner: "file:f"}, nil},
		"put by another owner":    {catalog.Set{Changes: []catalog.Change{put("f", `1`)}, Owner: "file:g"}, taken},
		"put by owner over api's": {catalog.Set{Changes: []catalog.Change{put("a", `1`)}, Owner: "file:g"}, taken},
		"replace":                 {catalog.Set{Changes: []catalog.Change{put("a", `1`).If(3)}}, nil},
		"replace older":           {catalog.Set{Changes: []catalog.Change{put("a", `1`).If(1)}}, catalog.ErrConflict},
		"replace missing":         {catalog.Set{Changes: []catalog.Change{put("n", `1`).If(1)}}, catalog.ErrNotFound},
		"delete":                  {catalog.Set{Changes: []catalog.Change{del("a")}}, nil},
		"delete missing":          {catalog.Set{Changes: []catalog.Change{del("n")}}, catalog.ErrNotFound},
		"delete missing if none":  {catalog.Set{Changes: []catalog.Change{del("n").If(0)}}, catalog.ErrNotFound},
		"delete older":            {catalog.Set{Changes: []catalog.Change{del("a").If(1)}}, catalog.ErrConflict},
		"delete managed":          {catalog.Set{Changes: []catalog.Change{del("f")}}, managed},
		"one of two fails":        {catalog.Set{Changes: []catalog.Change{put("n", `1`), del("a"), del("m")}}, catalog.ErrNotFound},
		"twice":                   {catalog.Set{Changes: []catalog.Change{put("n", `1`), del("n")}}, invalid},
		"not JSON":                {catalog.Set{Changes: []catalog.Change{put("n", `{`)}}, invalid},
		"empty value":             {catalog.Set{Changes: []catalog.Change{put("n", ``)}}, invalid},
		"empty name":              {catalog.Set{Changes: []catalog.Change{put("", `1`)}}, invalid},
		"name not UTF-8":          {catalog.Set{Changes: []catalog.Change{put("a\xff", `1`)}}, invalid},
		"no table":                {catalog.Set{Changes: []catalog.Change{{Name: named("n"), Value: []byte(`1`)}}}, invalid},
		"slash in region": {catalog.Set{Changes: []catalog.Change{{Table: "t", Value: []byte(`1`),
			Name: catalog.Name{Account: "1", Region: "a/b", Name: "n"}}}}, invalid},
		"requires ID":            {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("a", 1, 0)}, nil},
		"requires revision":      {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("a", 1, 3)}, nil},
		"requires none":          {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("m", 0, 0)}, nil},
		"requires none, is":      {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("a", 0, 0)}, catalog.ErrExists},
		"requires other ID":      {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("a", 2, 0)}, catalog.ErrNotFound},
		"requires other version": {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("a", 1, 1)}, catalog.ErrConflict},
		"requires missing":       {catalog.Set{Changes: []catalog.Change{put("n", `1`)}, Requires: requires("m", 1, 0)}, catalog.ErrNotFound},
		"empty":                  {catalog.Set{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			m := new(catalogtest.Memory)
			c := open(t, m)
			for _, set := range []catalog.Set{
				{Changes: []catalog.Change{put("a", `1`), put("b", `1`)}},
				{Changes: []catalog.Change{put("f", `1`)}, Owner: "file:f"},
				{Changes: []catalog.Change{put("a", `2`)}},
			} {
				if _, err := c.Apply(ctx, set); err != nil {
					t.Fatal(err)
				}
			}
			before, _ := c.List("queues", catalog.Query{})
			applied, err := c.Apply(ctx, test.set)
			if !sameError(err, test.want) {
				t.Fatalf("Apply: %v, want %v", err, test.want)
			}
			after, _ := c.List("queues", catalog.Query{})
			if err != nil {
				if diff := cmp.Diff(before, after); diff != "" || c.Revision() != 3 {
					t.Errorf("a set that failed left revision %d (-before +after):\n%s", c.Revision(), diff)
				}
			} else {
				if applied.Revision != c.Revision() || len(applied.Records) != len(test.set.Changes) {
					t.Errorf("Apply returned %+v at revision %d", applied, c.Revision())
				}
				for i, r := range applied.Records {
					got, ok := c.Get(r.Table, r.Name)
					if r.Deleted && ok || !r.Deleted && !cmp.Equal(got, r) || r.ID == 0 {
						t.Errorf("change %d returned %+v, Get %+v", i, r, got)
					}
				}
			}
			stored, _ := open(t, m).List("queues", catalog.Query{})
			if diff := cmp.Diff(after, stored); diff != "" {
				t.Errorf("backend is different (-memory +backend):\n%s", diff)
			}
		})
	}
}

// sameError tells whether err is the wanted sentinel, or of the wanted type.
func sameError(err, want error) bool {
	switch want := want.(type) {
	case nil:
		return err == nil
	case *catalog.ManagedError, *catalog.TakenError, *catalog.InvalidError:
		if err == nil {
			return false
		}
		return fmt.Sprintf("%T", err) == fmt.Sprintf("%T", want)
	}
	return errors.Is(err, want)
}

func TestIDsAreNotReused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	m := new(catalogtest.Memory)
	seen := map[uint64]bool{}
	for round := range 5 {
		c := open(t, m)
		for _, name := range []string{"a", "b"} {
			applied, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put(name, `1`)}})
			if err != nil {
				t.Fatal(err)
			}
			if r := applied.Records[0]; seen[r.ID] || r.Created != r.Revision {
				t.Fatalf("round %d: created %+v, IDs so far %v", round, r, seen)
			}
			seen[applied.Records[0].ID] = true
			if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{del(name)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestApplyCopiesValues(t *testing.T) {
	t.Parallel()
	c := open(t, new(catalogtest.Memory))
	value := []byte(`"mine"`)
	set := catalog.Set{Changes: []catalog.Change{{Table: "queues", Name: named("a"), Value: value}}}
	if _, err := c.Apply(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	copy(value, `"your"`)
	if r, _ := c.Get("queues", named("a")); string(r.Value) != `"mine"` {
		t.Errorf("the record changed with the caller's slice: %s", r.Value)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	c := open(t, new(catalogtest.Memory))
	var set catalog.Set
	for _, s := range []string{"1/eu/a", "1/eu/ab", "1/eu/abc", "1/eu/b", "1/us/a", "1/us/z", "2/eu/a", "2/eu/ab"} {
		name, err := catalog.ParseName(s)
		if err != nil {
			t.Fatal(err)
		}
		set.Changes = append(set.Changes, catalog.Change{Table: "t", Name: name, Value: []byte(`1`)})
	}
	if _, err := c.Apply(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		q    catalog.Query
		want []string
		more bool
	}{
		"all":        {catalog.Query{}, []string{"1/eu/a", "1/eu/ab", "1/eu/abc", "1/eu/b", "1/us/a", "1/us/z", "2/eu/a", "2/eu/ab"}, false},
		"account":    {catalog.Query{Account: "2"}, []string{"2/eu/a", "2/eu/ab"}, false},
		"region":     {catalog.Query{Account: "1", Region: "us"}, []string{"1/us/a", "1/us/z"}, false},
		"prefix":     {catalog.Query{Account: "1", Region: "eu", Prefix: "ab"}, []string{"1/eu/ab", "1/eu/abc"}, false},
		"after":      {catalog.Query{Account: "1", Region: "eu", After: catalog.Name{Account: "1", Region: "eu", Name: "ab"}}, []string{"1/eu/abc", "1/eu/b"}, false},
		"after gone": {catalog.Query{Account: "1", Region: "eu", After: catalog.Name{Account: "1", Region: "eu", Name: "aa"}}, []string{"1/eu/ab", "1/eu/abc", "1/eu/b"}, false},
		"after before": {catalog.Query{Account: "1", Region: "us", After: catalog.Name{Account: "1", Region: "eu", Name: "b"}},
			[]string{"1/us/a", "1/us/z"}, false},
		"after behind": {catalog.Query{Account: "1", After: catalog.Name{Account: "2", Region: "eu", Name: "a"}}, nil, false},
		"limit":        {catalog.Query{Limit: 2}, []string{"1/eu/a", "1/eu/ab"}, true},
		"limit all":    {catalog.Query{Account: "2", Limit: 2}, []string{"2/eu/a", "2/eu/ab"}, false},
		"nothing":      {catalog.Query{Account: "3"}, nil, false},
	} {
		records, more := c.List("t", test.q)
		var got []string
		for _, r := range records {
			got = append(got, r.Name.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" || more != test.more {
			t.Errorf("%s: more %v (-want +got):\n%s", name, more, diff)
		}
	}
}
