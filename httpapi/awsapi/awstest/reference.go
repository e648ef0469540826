package awstest

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// CheckReference holds the reference docs/{name}.md against what the tables give, and makes sure that it explains every error.
func CheckReference(t testing.TB, name string, write func(w io.Writer) error, known []Known) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	compare(t, filepath.Join("..", "..", "docs", name+".md"), b.String())
	for _, k := range known {
		if !strings.Contains(b.String(), "`"+k.Name+"`") {
			t.Errorf("docs/%s.md does not explain %s", name, k.Name)
		}
	}
}
