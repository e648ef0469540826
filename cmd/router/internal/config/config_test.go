package config_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// secretValue must not be in any error.
const secretValue = "s3cr3t-0f-the-shop"

func env(name string) (string, bool) {
	v, ok := map[string]string{
		"CHARGE_URL":            "https://charge.example.com/events",
		"CHARGE_SECRET":         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"GITHUB_WEBHOOK_SECRET": "it is a secret",
		"SECRET":                secretValue,
		"BAD_URL":               "https://shop:" + secretValue + "@charge.example.com:99999/",
		"ODD_PORT":              "http://shop:" + secretValue,
		"IN_FLIGHT":             "25",
		"PAUSED":                "true",
		"WAIT":                  "20s",
		"EMPTY":                 "",
	}[name]
	return v, ok
}

// golden compares with a file, or rewrites it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (rewrite with -update):\n%s", file, diff)
	}
}

// files calls check for every YAML file of a directory of testdata.
func files(t *testing.T, dir string, check func(t *testing.T, file string, data []byte)) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, file := range all {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			check(t, file, data)
		})
	}
}

func TestBad(t *testing.T) {
	t.Parallel()
	files(t, "bad", func(t *testing.T, file string, data []byte) {
		c, err := config.Load(filepath.Base(file), data, env)
		if err == nil || c != nil {
			t.Fatalf("was accepted: %+v", c)
		}
		if strings.Contains(err.Error(), secretValue) {
			t.Errorf("shows a secret: %v", err)
		}
		golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		line, column := 0, 0
		lines := strings.Split(string(data), "\n")
		for _, e := range config.Errors(err) {
			if e.Line < line || e.Line == line && e.Column < column {
				t.Errorf("%v comes behind line %d, column %d", e, line, column)
			}
			line, column = e.Line, e.Column
			if line > len(lines) || column > len([]rune(lines[line-1]))+1 {
				t.Errorf("%v is outside of the file", e)
			}
		}
	})
}

// shown is what the golden files of good configurations have.
type shown struct {
	Account, Region         string
	Egress                  any
	PurgeWait, RecreateWait string
	Webhooks                any `json:",omitempty"`
	Declarations            []declaration
}

type declaration struct {
	Table string
	Name  string
	Value json.RawMessage
}

func declarations(all []catalog.Declaration) []declaration {
	out := make([]declaration, len(all))
	for i, d := range all {
		out[i] = declaration{d.Table, d.Name.String(), d.Value}
	}
	return out
}

func TestGood(t *testing.T) {
	t.Parallel()
	files(t, "good", func(t *testing.T, file string, data []byte) {
		c, err := config.Load(filepath.Base(file), data, env)
		if err != nil {
			t.Fatal(err)
		}
		out := shown{
			Account: c.Account, Region: c.Region, Egress: c.Egress, PurgeWait: c.AWS.PurgeWait.String(),
			RecreateWait: c.AWS.RecreateWait.String(), Declarations: declarations(c.Declarations()),
		}
		if len(c.Webhooks) > 0 {
			out.Webhooks = c.Webhooks
		}
		var text strings.Builder
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(file, ".yaml")+".json", text.String())
	})
}
