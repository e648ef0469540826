package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

// step is one Declare, or one change by an API, and what is to be seen afterwards.
type step struct {
	owner, hash string
	// declare has queues as "name=value".
	declare []string
	opts    catalog.DeclareOptions
	// create and remove are done through the API instead.
	create, remove string

	// want is the result: "+" created, "~" updated, "-" deleted, "!" kept, "=" unchanged.
	want string
	// after is the content of the table: "name=value@owner".
	after string
	// taken are the names of the TakenErrors.
	taken string
}

func TestDeclare(t *testing.T) {
	t.Parallel()
	full := func(names ...string) func(context.Context, catalog.Record) (bool, error) {
		return func(_ context.Context, r catalog.Record) (bool, error) {
			return slices.Contains(names, r.Name.Name), nil
		}
	}
	keepA := catalog.DeclareOptions{Keep: full("a")}
	prune := catalog.DeclareOptions{Keep: full("a"), Prune: true}
	for name, steps := range map[string][]step{
		"create, update, delete": {
			{owner: "f", hash: "1", declare: []string{"a=1", "b=1"}, want: "+a +b", after: "a=1@f b=1@f"},
			{owner: "f", hash: "1", declare: []string{"a=9"}, want: "=", after: "a=1@f b=1@f"},
			{owner: "f", hash: "2", declare: []string{"a=2", "b=1", "c=1"}, want: "+c ~a", after: "a=2@f b=1@f c=1@f"},
			{owner: "f", hash: "3", declare: []string{"c=1"}, want: "-a -b", after: "c=1@f"},
			{owner: "f", hash: "", declare: nil, want: "-c", after: ""},
		},
		"hash is not that of another owner": {
			{owner: "f", hash: "1", declare: []string{"a=1"}, want: "+a", after: "a=1@f"},
			{owner: "g", hash: "1", declare: []string{"b=1"}, want: "+b", after: "a=1@f b=1@g"},
		},
		"taken": {
			{create: "a", after: "a=0@"},
			{owner: "g", hash: "1", declare: []string{"b=1"}, want: "+b", after: "a=0@ b=1@g"},
			{owner: "f", hash: "1", declare: []string{"a=1", "b=1", "c=1"}, taken: "a b", after: "a=0@ b=1@g"},
			{remove: "a", after: "b=1@g"},
			{owner: "g", hash: "2", want: "-b", after: ""},
			{owner: "f", hash: "1", declare: []string{"a=1", "b=1", "c=1"}, want: "+a +b +c", after: "a=1@f b=1@f c=1@f"},
		},
		"kept and adopted again": {
			{owner: "f", hash: "1", declare: []string{"a=1", "b=1"}, want: "+a +b", after: "a=1@f b=1@f"},
			{owner: "f", hash: "2", opts: keepA, want: "-b !a", after: "a=1@"},
			{owner: "f", hash: "2", opts: keepA, want: "= !a", after: "a=1@"},
			{owner: "f", hash: "3", declare: []string{"c=1"}, opts: keepA, want: "+c !a", after: "a=1@ c=1@f"},
			{owner: "g", hash: "1", declare: []string{"a=1"}, taken: "a", after: "a=1@ c=1@f"},
			{owner: "f", hash: "4", declare: []string{"a=2"}, opts: keepA, want: "~a -c", after: "a=2@f"},
			{owner: "f", hash: "5", opts: catalog.DeclareOptions{}, want: "-a", after: ""},
		},
		"kept and pruned": {
			{owner: "f", hash: "1", declare: []string{"a=1", "b=1"}, want: "+a +b", after: "a=1@f b=1@f"},
			{owner: "f", hash: "2", declare: []string{"b=1"}, opts: keepA, want: "!a", after: "a=1@ b=1@f"},
			{owner: "f", hash: "2", declare: []string{"b=1"}, opts: prune, want: "-a", after: "b=1@f"},
			{owner: "f", hash: "2", declare: []string{"b=1"}, opts: prune, want: "=", after: "b=1@f"},
			{create: "a", after: "a=0@ b=1@f"},
			{owner: "f", hash: "3", declare: []string{"b=1", "a=1"}, opts: prune, taken: "a", after: "a=0@ b=1@f"},
		},
		"pruned at once": {
			{owner: "f", hash: "1", declare: []string{"a=1"}, want: "+a", after: "a=1@f"},
			{owner: "f", hash: "2", opts: prune, want: "-a", after: ""},
		},
		"kept, then made anew through the API": {
			{owner: "f", hash: "1", declare: []string{"a=1"}, want: "+a", after: "a=1@f"},
			{owner: "f", hash: "2", opts: keepA, want: "!a", after: "a=1@"},
			{remove: "a", after: ""},
			{create: "a", after: "a=0@"},
			{owner: "f", hash: "3", opts: prune, want: "", after: "a=0@"},
			{owner: "f", hash: "4", declare: []string{"a=1"}, taken: "a", after: "a=0@"},
		},
		"builtin taken over and given back": {
			{owner: catalog.Builtin, hash: "v1", declare: []string{"a=1", "d=1"}, want: "+a +d", after: "a=1@builtin d=1@builtin"},
			{owner: catalog.Builtin, hash: "v1", declare: []string{"a=1", "d=1"}, want: "", after: "a=1@builtin d=1@builtin"},
			{owner: "f", hash: "1", declare: []string{"a=5"}, want: "~a", after: "a=5@f d=1@builtin"},
			{owner: "g", hash: "1", declare: []string{"a=6"}, taken: "a", after: "a=5@f d=1@builtin"},
			{owner: catalog.Builtin, hash: "v2", declare: []string{"a=2", "d=2"}, want: "~d", after: "a=5@f d=2@builtin"},
			{owner: "f", hash: "2", opts: keepA, want: "~a", after: "a=2@builtin d=2@builtin"},
			{owner: catalog.Builtin, hash: "v3", declare: []string{"a=2"}, want: "-d", after: "a=2@builtin"},
		},
		"builtin taken over with the same value": {
			{owner: catalog.Builtin, hash: "v1", declare: []string{"a=1"}, want: "+a", after: "a=1@builtin"},
			{owner: "f", hash: "1", declare: []string{"a=1"}, want: "~a", after: "a=1@f"},
			{owner: catalog.Builtin, hash: "v2", want: "", after: "a=1@f"},
			{owner: "f", hash: "2", want: "-a", after: ""},
		},
		"builtin that is there already": {
			{create: "a", after: "a=0@"},
			{owner: "f", hash: "1", declare: []string{"b=1"}, want: "+b", after: "a=0@ b=1@f"},
			{owner: catalog.Builtin, hash: "v1", declare: []string{"a=1", "b=2", "c=1"}, want: "+c", after: "a=0@ b=1@f c=1@builtin"},
			{owner: "f", hash: "2", want: "~b", after: "a=0@ b=2@builtin c=1@builtin"},
			{remove: "a", after: "b=2@builtin c=1@builtin"},
			{owner: catalog.Builtin, hash: "v1", declare: []string{"a=1", "b=2", "c=1"}, want: "+a", after: "a=1@builtin b=2@builtin c=1@builtin"},
		},
		"renamed file": {
			{owner: "f", hash: "1", declare: []string{"a=1", "b=1", "c=1"}, want: "+a +b +c", after: "a=1@f b=1@f c=1@f"},
			{owner: "f", hash: "2", declare: []string{"b=1", "c=1"}, opts: keepA, want: "!a", after: "a=1@ b=1@f c=1@f"},
			{owner: "g", hash: "2", declare: []string{"b=1", "x=1"}, opts: catalog.DeclareOptions{Replaces: []string{"f"}},
				want: "+x ~b -c !a", after: "a=1@ b=1@g x=1@g"},
			{owner: "g", hash: "2", declare: []string{"b=1", "x=1"}, opts: catalog.DeclareOptions{Replaces: []string{"f"}}, want: "= !a", after: "a=1@ b=1@g x=1@g"},
			{owner: "g", hash: "3", declare: []string{"a=2"}, want: "~a -b -x", after: "a=2@g"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			m := new(catalogtest.Memory)
			c := open(t, m)
			for i, s := range steps {
				before := c.Revision()
				switch {
				case s.create != "" || s.remove != "":
					ch := put(s.create, "0").If(0)
					if s.remove != "" {
						ch = del(s.remove)
					}
					if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{ch}}); err != nil {
						t.Fatalf("step %d: %v", i, err)
					}
				default:
					result, err := c.Declare(ctx, s.owner, s.hash, declarations(s.declare), s.opts)
					if got := takenNames(err); got != s.taken || err != nil && s.taken == "" {
						t.Fatalf("step %d: %v, want taken %q", i, err, s.taken)
					}
					if got := describe(result); got != s.want && s.taken == "" {
						t.Fatalf("step %d: result %q, want %q", i, got, s.want)
					}
					if c.Revision() > before+1 || err != nil && c.Revision() != before || err == nil && result.Revision != c.Revision() {
						t.Fatalf("step %d: revision %d after %d, result has %d", i, c.Revision(), before, result.Revision)
					}
				}
				if got := table(c); got != s.after {
					t.Fatalf("step %d: table %q, want %q", i, got, s.after)
				}
				if i%2 == 1 {
					c = open(t, m) // nothing depends on memory
				}
			}
		})
	}
}

func declarations(list []string) []catalog.Declaration {
	var out []catalog.Declaration
	for _, s := range list {
		name, value, _ := strings.Cut(s, "=")
		out = append(out, catalog.Declaration{Table: "queues", Name: named(name), Value: []byte(value)})
	}
	return out
}

func describe(r catalog.DeclareResult) string {
	var parts []string
	if r.Unchanged {
		parts = append(parts, "=")
	}
	for _, list := range []struct {
		sign    string
		records []catalog.Record
	}{{"+", r.Created}, {"~", r.Updated}, {"-", r.Deleted}, {"!", r.Kept}} {
		for _, rec := range list.records {
			parts = append(parts, list.sign+rec.Name.Name)
		}
	}
	return strings.Join(parts, " ")
}

func table(c *catalog.Catalog) string {
	var parts []string
	for r := range c.Snapshot().Scan("queues", catalog.Query{}) {
		parts = append(parts, r.Name.Name+"="+string(r.Value)+"@"+r.Owner)
	}
	return strings.Join(parts, " ")
}

func takenNames(err error) string {
	var names []string
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			if taken := new(catalog.TakenError); errors.As(err, &taken) {
				names = append(names, taken.Name.Name)
			}
		}
	}
	return strings.Join(names, " ")
}

func TestDeclareKeepsIDs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	keep := catalog.DeclareOptions{Keep: func(context.Context, catalog.Record) (bool, error) { return true, nil }}
	ids := map[uint64]bool{}
	for i, list := range [][]string{{"a=1"}, {"a=2"}, nil, {"a=3"}} {
		if _, err := c.Declare(ctx, "f", "", declarations(list), keep); err != nil {
			t.Fatal(i, err)
		}
		r, _ := c.Get("queues", named("a"))
		ids[r.ID] = true
	}
	if len(ids) != 1 {
		t.Errorf("the queue had the IDs %v", ids)
	}
}

func TestDeclareErrors(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	if _, err := c.Declare(ctx, "f", "1", declarations([]string{"a=1"}), catalog.DeclareOptions{}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("store gone")
	for name, test := range map[string]struct {
		owner   string
		declare []catalog.Declaration
		opts    catalog.DeclareOptions
		want    error
	}{
		"twice":    {"f", declarations([]string{"a=1", "a=2"}), catalog.DeclareOptions{}, new(catalog.InvalidError)},
		"not JSON": {"f", declarations([]string{"a={"}), catalog.DeclareOptions{}, new(catalog.InvalidError)},
		"no value": {"f", []catalog.Declaration{{Table: "queues", Name: named("a")}}, catalog.DeclareOptions{}, new(catalog.InvalidError)},
		"unencodable": {"f", []catalog.Declaration{catalog.NewTable[func()](c, "queues").Declaring(named("a"), nil)},
			catalog.DeclareOptions{}, new(catalog.InvalidError)},
		"keep fails": {"f", nil, catalog.DeclareOptions{Keep: func(context.Context, catalog.Record) (bool, error) { return false, broken }}, broken},
	} {
		if _, err := c.Declare(ctx, test.owner, "2", test.declare, test.opts); !sameError(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if _, err := c.Declare(ctx, "", "2", nil, catalog.DeclareOptions{}); err == nil {
		t.Error("an empty owner could declare")
	}
	if got := table(c); got != "a=1@f" || c.Revision() != 1 {
		t.Errorf("errors left %q at revision %d", got, c.Revision())
	}
}

// TestDeclareRaces changes the catalog between a Declare's plan and its commit.
func TestDeclareRaces(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := open(t, new(catalogtest.Memory))
	if _, err := c.Declare(ctx, "f", "1", declarations([]string{"a=1"}), catalog.DeclareOptions{}); err != nil {
		t.Fatal(err)
	}
	calls := 0
	race := catalog.DeclareOptions{Keep: func(context.Context, catalog.Record) (bool, error) {
		calls++
		if calls == 1 {
			if _, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{put("n", `0`)}}); err != nil {
				t.Error(err)
			}
		}
		return false, nil
	}}
	_, err := c.Declare(ctx, "f", "2", declarations([]string{"n=1"}), race)
	if got := takenNames(err); got != "n" || calls != 1 {
		t.Errorf("Declare of a name taken meanwhile: %v, Keep was called %d times", err, calls)
	}
	if got := table(c); got != "a=1@f n=0@" {
		t.Errorf("table %q", got)
	}
	if diff := cmp.Diff([]string{"f"}, c.Owners()); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// TestDeclareHistory declares at random for two files and the router, with an API beside them, and checks what must hold of
// each answer, rather than predicting it.
func TestDeclareHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		m := new(catalogtest.Memory)
		c, err := catalog.Open(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		pool := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		builtin := map[string]string{} // what Builtin declares
		former := map[uint64]string{}  // by ID, of kept records
		content := func() map[string]catalog.Record {
			out := map[string]catalog.Record{}
			for r := range c.Snapshot().Scan("queues", catalog.Query{}) {
				out[r.Name.Name] = r
			}
			return out
		}
		for i := range rapid.IntRange(1, 25).Draw(t, "steps") {
			before := content()
			owner := rapid.SampledFrom([]string{"f", "g", catalog.Builtin, ""}).Draw(t, "owner")
			if owner == "" {
				ch := put(pool.Draw(t, "name"), "0")
				if rapid.Bool().Draw(t, "delete") {
					ch.Value = nil
				}
				_, err := c.Apply(ctx, catalog.Set{Changes: []catalog.Change{ch}})
				if was := before[ch.Name.Name]; was.Owner != "" && !sameError(err, new(catalog.ManagedError)) {
					t.Fatalf("API changed %+v: %v", was, err)
				}
				continue
			}
			want := map[string]string{}
			var list []string
			for _, name := range rapid.SliceOfDistinct(pool, rapid.ID[string]).Draw(t, "names") {
				want[name] = fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "value"))
				list = append(list, name+"="+want[name])
			}
			full := rapid.SliceOfDistinct(pool, rapid.ID[string]).Draw(t, "full")
			prune := rapid.Bool().Draw(t, "prune")
			result, err := c.Declare(ctx, owner, fmt.Sprint(i), declarations(list), catalog.DeclareOptions{
				Prune: prune,
				Keep: func(_ context.Context, r catalog.Record) (bool, error) {
					return slices.Contains(full, r.Name.Name), nil
				},
			})
			after := content()
			taken := map[string]bool{}
			for name := range want {
				was, exists := before[name]
				mine := was.Owner == owner || was.Owner == catalog.Builtin || was.Owner == "" && former[was.ID] == owner
				if exists && !mine && owner != catalog.Builtin {
					taken[name] = true
				}
			}
			if len(taken) > 0 {
				names := strings.Fields(takenNames(err))
				slices.Sort(names)
				if diff := cmp.Diff(slices.Sorted(maps.Keys(taken)), names); diff != "" || !cmp.Equal(before, after) {
					t.Fatalf("taken: %v, changed %v (-want +got):\n%s", err, !cmp.Equal(before, after), diff)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if owner == catalog.Builtin {
				builtin = want
			}
			for _, r := range result.Kept {
				former[r.ID] = owner
			}
			for name := range map[string]bool{"a": true, "b": true, "c": true, "d": true} {
				was, existed := before[name]
				now, exists := after[name]
				value, declared := want[name]
				mine := was.Owner == owner
				if existed && exists && was.ID != now.ID {
					t.Fatalf("%s has another ID", name)
				}
				switch {
				case declared && owner == catalog.Builtin && existed && !mine && (was.Owner != "" || former[was.ID] != owner):
					if !cmp.Equal(was, now) {
						t.Fatalf("what was there changed: %+v, %+v", was, now)
					}
				case declared:
					if string(now.Value) != value || now.Owner != owner {
						t.Fatalf("%s=%s declared by %s became %+v", name, value, owner, now)
					}
					if mine && string(was.Value) == value && now.Revision != was.Revision {
						t.Fatalf("equal record was touched: %+v, %+v", was, now)
					}
				case existed && mine && owner != catalog.Builtin && builtin[name] != "":
					if string(now.Value) != builtin[name] || now.Owner != catalog.Builtin {
						t.Fatalf("%s was not given back: %+v", name, now)
					}
				case existed && mine:
					if keep := !prune && slices.Contains(full, name); exists != keep || exists && now.Owner != "" {
						t.Fatalf("%s left %s, keep %v: %+v %v", name, owner, keep, now, exists)
					}
				case existed && was.Owner == "" && former[was.ID] == owner && prune:
					if exists {
						t.Fatalf("%s was not pruned", name)
					}
				case !cmp.Equal(was, now):
					t.Fatalf("%s is no business of %s: %+v, %+v", name, owner, was, now)
				}
			}
		}
	})
}
