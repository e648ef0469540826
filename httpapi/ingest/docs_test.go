package ingest_test

import (
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

// TestDocumentedSources loads every source that the user documentation shows.
func TestDocumentedSources(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if whole, _, ok := strings.Cut(block, "rules:"); ok { // the first one is a whole file
			block = strings.TrimPrefix(whole, "webhooks:")
		}
		decoder := yaml.NewDecoder(strings.NewReader(block))
		decoder.KnownFields(true)
		var sources map[string]ingest.Source
		if err := decoder.Decode(&sources); err != nil {
			t.Errorf("%s: %v", block, err)
		}
		for name, source := range sources {
			found++
			source.Name = name
			if source.Scheme == ingest.StandardWebhooks { // ${env:…} is not yet replaced here
				source.Secrets = []ingest.Secret{whsec("0123456789abcdef01234567")}
			}
			if err := source.Validate(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if found != 8 {
		t.Errorf("the documentation shows %d sources, this test knows of 8", found)
	}
}
