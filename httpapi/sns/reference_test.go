package sns_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/httpapi/sns"
)

func TestReference(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := sns.WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "docs", "sns.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got); go test -update rewrites it:\n%s", path, diff)
	}
	for _, k := range knownErrors() {
		if !strings.Contains(b.String(), "`"+k.name+"`") {
			t.Errorf("docs/sns.md does not explain %s", k.name)
		}
	}
}
