package config_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Load("router.yaml", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, err := config.Load("dir/router.yaml", []byte("queues:\n  a.b:\n    dealy: 1s\n    delay: [x]\nregion: 'A B'\n"), env)
	want := []*config.Error{
		{File: "dir/router.yaml", Line: 2, Column: 3, Path: `queues["a.b"]`, Message: `queues["a.b"] is no good name: "a.b" must be 1 to 80 letters, digits, hyphens and underscores`},
		{File: "dir/router.yaml", Line: 3, Column: 5, Path: `queues["a.b"].dealy`, Message: `queues["a.b"].dealy is an unknown key; did you mean delay?`},
		{File: "dir/router.yaml", Line: 4, Column: 12, Path: `queues["a.b"].delay`, Message: `queues["a.b"].delay must be a duration such as 30s or 1h30m, not a list`},
		{File: "dir/router.yaml", Line: 5, Column: 9, Path: "region", Message: "region must be 1 to 63 lower-case letters, digits and hyphens, such as us-east-1"},
	}
	if diff := cmp.Diff(want, config.Errors(err), cmpopts.IgnoreUnexported(config.Error{})); diff != "" {
		t.Error(diff)
	}
	if one, ok := errors.AsType[*config.Error](err); !ok || one.Line != 2 {
		t.Errorf("errors.As finds %v", one)
	}
	if first, _, _ := strings.Cut(err.Error(), "\n"); first != want[0].Error() || !strings.HasPrefix(first, "dir/router.yaml:2:3: queues") {
		t.Errorf("prints as %s", first)
	}
	if got := config.Errors(errors.New("other")); got != nil {
		t.Errorf("other errors have %v", got)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, err := config.Load("f", []byte(strings.Repeat("#", config.MaxSize+1)), env)
	if err == nil || err.Error() != "f:1:1: the file has 8388609 bytes, the limit is 8388608" {
		t.Errorf("got %v", err)
	}
}

// TestHash shows what a change is, and what is none.
func TestHash(t *testing.T) {
	t.Parallel()
	const text = "queues: {a: {delay: 60s}, b: {}}\nfunctions: {f: {url: \"${env:CHARGE_URL}\"}}\nwebhooks: {g: {verify: github, secrets: [x]}}\n"
	base := load(t, text).Hash
	if !strings.HasPrefix(base, "sha256:") || len(base) != 71 {
		t.Errorf("the hash is %q", base)
	}
	for name, same := range map[string]string{
		"order and comments":  "# hello\nwebhooks: {g: {verify: github, secrets: [x]}}\nfunctions: {f: {url: \"${env:CHARGE_URL}\"}}\nqueues:\n  b:\n  a: {delay: 1m}\n",
		"a webhook":           strings.ReplaceAll(text, "[x]", "[x, y]"),
		"the variable's name": strings.ReplaceAll(text, "${env:CHARGE_URL}", "https://charge.example.com/events"),
	} {
		if got := load(t, same).Hash; got != base {
			t.Errorf("%s changed the hash", name)
		}
	}
	for name, other := range map[string]string{
		"a value":    strings.ReplaceAll(text, "60s", "61s"),
		"a name":     strings.ReplaceAll(text, "b:", "c:"),
		"a variable": strings.ReplaceAll(text, "${env:CHARGE_URL}", "https://${env:WAIT}.example.com"),
		"a region":   text + "region: eu-west-1\n",
		"nothing":    "",
	} {
		if got := load(t, other).Hash; got == base {
			t.Errorf("%s did not change the hash", name)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	c := load(t, "")
	if c.Account != "000000000000" || c.Region != "us-east-1" || c.AWS != (config.AWS{PurgeWait: time.Minute, HTTPSuccess: "2xx", Signatures: "all"}) || len(c.Declarations()) != 0 {
		t.Errorf("an empty file gives %+v", c)
	}
	if err := c.Guard().Check(false, netip.MustParseAddr("10.1.2.3")); err == nil {
		t.Error("the guard lets clients call private addresses")
	}
	c = load(t, "egress: {allow: [10.1.0.0/16]}\naws: {purge_wait: 0, recreate_wait: 60s, http_success: 200-499, signatures: http}\n")
	if c.AWS != (config.AWS{PurgeGiven: true, RecreateWait: time.Minute, HTTPSuccess: "200-499", Signatures: "http"}) {
		t.Errorf("the settings are %+v", c.AWS)
	}
	if err := c.Guard().Check(false, netip.MustParseAddr("10.1.2.3")); err != nil {
		t.Error(err)
	}
	c = load(t, "webhooks: {g: {verify: github, secrets: [\"${env:SECRET}\"]}}")
	if want := (ingest.Source{Name: "g", Scheme: ingest.GitHub, Secrets: []ingest.Secret{secretValue}}); !cmp.Equal(c.Webhooks["g"], want) {
		t.Errorf("the source is %+v", c.Webhooks["g"])
	}
}

// TestDeclare shows that a catalog takes what files declare, and gives the built-in definitions back.
func TestDeclare(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, err := catalog.Open(ctx, new(catalogtest.Memory))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Declare(ctx, catalog.Builtin, "", config.Builtins(config.DefaultAccount, config.DefaultRegion), catalog.DeclareOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"design", "builtins", "subscriptions", "empty"} {
		data, err := os.ReadFile("testdata/good/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		file := load(t, string(data))
		if _, err := c.Declare(ctx, "file:router.yaml", file.Hash, file.Declarations(), catalog.DeclareOptions{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, d := range file.Declarations() {
			if r, ok := c.Get(d.Table, d.Name); !ok || r.Owner != "file:router.yaml" || string(r.Value) != string(d.Value) {
				t.Errorf("%s: the catalog has %+v for %s %s", name, r, d.Table, d.Name)
			}
		}
		again, err := c.Declare(ctx, "file:router.yaml", file.Hash, file.Declarations(), catalog.DeclareOptions{})
		if err != nil || !again.Unchanged {
			t.Errorf("%s: declared again: %+v, %v", name, again, err)
		}
	}
	var left []string
	for _, table := range c.Snapshot().Tables() {
		for r := range c.Snapshot().Scan(table, catalog.Query{}) {
			if r.Owner == catalog.Builtin && r.Name.Account == config.DefaultAccount {
				left = append(left, table+" "+r.Name.Name+" "+string(r.Value))
			}
		}
	}
	slices.Sort(left)
	want := []string{`buses default {}`, `logs attempts {"description":"attempts to deliver"}`, `queues dead-letters {"retention":"14d"}`}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("when nothing is declared any more:\n%s", diff)
	}
}

// FuzzLoad checks what holds for any file: no panic, positions within the file and in order, no secret in an error, and
// declarations that are complete.
func FuzzLoad(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		entries, err := os.ReadDir("testdata/" + dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if data, err := os.ReadFile("testdata/" + dir + "/" + e.Name()); err == nil && strings.HasSuffix(e.Name(), ".yaml") {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Load("f.yaml", data, env)
		if err == nil {
			for _, d := range c.Declarations() {
				if d.Value == nil || d.Name.Name == "" {
					t.Errorf("%s %s has no value", d.Table, d.Name)
				}
			}
			return
		}
		all := config.Errors(err)
		if len(all) == 0 {
			t.Fatalf("an error of another kind: %v", err)
		}
		// What the file itself says is no secret.
		if strings.Contains(err.Error(), secretValue) && !strings.Contains(string(data), "s3cr3t") {
			t.Errorf("shows a secret: %v", err)
		}
		lines := strings.Split(string(data), "\n")
		for i, e := range all {
			if e.Line < 1 || e.Column < 1 || e.Line > len(lines)+1 || strings.Contains(e.Message, "\n") {
				t.Errorf("%q is not one line at a position of the file", e)
			}
			if i > 0 && (e.Line < all[i-1].Line || e.Line == all[i-1].Line && e.Column < all[i-1].Column) {
				t.Errorf("%v comes behind %v", e, all[i-1])
			}
		}
	})
}
