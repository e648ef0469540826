// Package house tests the repository itself: which package may import which, and a few habits.
package house

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/signalbox-mq/signalbox/"

// allowed says for each package which of ours its product code may import. A package that is not here may not exist: who
// adds one, adds its line, and thinks about its place.
var allowed = map[string][]string{
	"duration":                  {},
	"jsontext":                  {},
	"event":                     {"jsontext"},
	"rules/pattern":             {},
	"rules/schedule":            {},
	"queue/catalog":             {},
	"dispatch/endpoint":         {"duration"},
	"dispatch/destination":      {"queue/catalog", "dispatch/endpoint", "duration"},
	"queue":                     {"queue/catalog", "duration"},
	"queue/agenda":              {"queue"},
	"queue/pebblestore":         {"queue", "queue/agenda", "queue/catalog"},
	"queue/redisstore":          {"queue", "queue/agenda", "queue/catalog"},
	"topic":                     {"topic/signing", "queue", "queue/catalog", "rules/pattern", "dispatch/endpoint", "event", "duration"},
	"topic/signing":             {"queue/catalog"},
	"rules":                     {"queue", "queue/catalog", "rules/pattern", "rules/schedule", "dispatch/endpoint", "event", "duration"},
	"dispatch":                  {"dispatch/destination", "queue", "queue/catalog", "dispatch/endpoint", "event", "duration"},
	"story":                     {"dispatch", "dispatch/destination", "rules", "topic", "queue", "queue/catalog", "dispatch/endpoint", "event", "duration"},
	"httpapi/ingest":            {"event", "duration", "httpapi/body", "httpapi/problem"},
	"httpapi/native":            {"story", "dispatch", "dispatch/endpoint", "rules", "topic", "queue", "queue/catalog", "event", "duration", "httpapi/body", "httpapi/longpoll", "httpapi/problem", "jsontext"},
	"httpapi/awsapi":            {"httpapi/body", "jsontext"},
	"httpapi/awsapi/storeerror": {"httpapi/awsapi", "queue", "queue/catalog"},
	"httpapi/sqs":               {"httpapi/awsapi", "httpapi/awsapi/storeerror", "httpapi/longpoll", "queue", "queue/catalog", "duration"},
	"httpapi/sns":               {"httpapi/awsapi", "httpapi/awsapi/storeerror", "topic", "topic/signing", "rules/pattern", "dispatch/endpoint", "queue", "queue/catalog", "duration"},
	"httpapi/events":            {"httpapi/awsapi", "httpapi/awsapi/storeerror", "rules", "rules/pattern", "dispatch/destination", "dispatch/endpoint", "event", "queue", "queue/catalog", "duration"},
	"httpapi/body":              {},
	"httpapi/longpoll":          {},
	"httpapi/problem":           {},
	"httpapi":                   {"httpapi/native", "httpapi/awsapi", "httpapi/longpoll", "httpapi/body", "httpapi/problem", "dispatch", "queue", "queue/catalog"},
	"cmd/router/internal/config": {
		"duration", "queue", "queue/catalog", "topic", "rules", "rules/pattern", "dispatch/destination", "dispatch/endpoint", "httpapi/ingest",
	},
	"cmd/router/internal/app": {
		"cmd/router/internal/config", "cmd/router/internal/migrate", "queue/pebblestore", "queue/redisstore", "httpapi", "httpapi/awsapi", "httpapi/events", "httpapi/ingest", "httpapi/native", "httpapi/problem", "httpapi/sns", "httpapi/sqs", "story", "dispatch",
		"rules", "topic", "queue", "queue/catalog", "dispatch/destination", "dispatch/endpoint", "event", "duration",
	},
	"cmd/router/internal/migrate": {"queue", "queue/catalog"},
	"cmd/router/internal/bench":   {},
	"cmd/router":                  {"cmd/router/internal/app", "cmd/router/internal/bench", "cmd/router/internal/config"},
}

// testOnly are packages that only tests import.
var testOnly = []string{"queue/storetest", "queue/catalog/catalogtest", "httpapi/awsapi/awstest", "tests/"}

type listed struct {
	ImportPath           string
	GoFiles, TestGoFiles []string
	Imports              []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,GoFiles,TestGoFiles,Imports", module+"...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if len(p.GoFiles) == 0 || isTestOnly(name) {
			continue
		}
		may, known := allowed[internalParent(name)]
		if !known {
			t.Errorf("package %s has no line in the table of allowed imports", name)
			continue
		}
		for _, imp := range p.Imports {
			ours, ok := strings.CutPrefix(imp, module)
			if !ok || strings.HasPrefix(ours, internalParent(name)+"/internal/") {
				continue
			}
			if isTestOnly(ours) {
				t.Errorf("%s is product code and imports %s, which is for tests", name, ours)
			} else if !slices.Contains(may, internalParent(ours)) {
				t.Errorf("%s imports %s, which its place in the house does not allow", name, ours)
			}
		}
	}
}

// internalParent maps a package's own internal packages to the package, except in the command, whose parts have lines of
// their own.
func internalParent(name string) string {
	if strings.HasPrefix(name, "cmd/") {
		return name
	}
	parent, _, _ := strings.Cut(name, "/internal/")
	return parent
}

func isTestOnly(name string) bool {
	return slices.ContainsFunc(testOnly, func(p string) bool {
		return name == strings.TrimSuffix(p, "/") || strings.HasPrefix(name, p)
	})
}

var (
	sleeps = regexp.MustCompile(`\btime\.Sleep\(`)
	inits  = regexp.MustCompile(`(?m)^func init\(\)`)
)

func TestHabits(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "house_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if strings.HasSuffix(name, "_test.go") && sleeps.Match(src) {
			t.Errorf("%s sleeps: wait for a signal, or use testing/synctest", name)
		}
		if inits.Match(src) {
			t.Errorf("%s has an init function", name)
		}
		if lines := bytes.Count(src, []byte("\n")); lines > 800 {
			t.Errorf("%s has %d lines: is it one concept?", name, lines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
