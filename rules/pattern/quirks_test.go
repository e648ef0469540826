package pattern_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestQuirks pins our answers where AWS's engine has a quirk that its documentation does not have. The table is that of
// docs/patterns.md.
func TestQuirks(t *testing.T) {
	t.Parallel()
	ours := map[string]string{
		"num-too-precise-literal/yes1":        "true",
		"num-too-precise-literal/no1":         "false",
		"num-too-precise-literal/no2":         "true",  // AWS: false. The same number, spelled otherwise.
		"cidr/quirk-v6-with-v4-leading-bytes": "false", // AWS: true
		"ip-exact-v6-spelling/yes1":           "true",
		"ip-exact-v6-spelling/yes2":           "false", // AWS: true. Strings are equal byte by byte.
		"ip-exact-v6-spelling/no1":            "false",
		"ac/exists-false-sorts-first":         "true", // AWS: false, but true if the key is renamed
		"numeric-unrepresentable-event/yes1":  "true",
		"numeric-unrepresentable-event/no1":   "true", // AWS: false, as for the two below
		"numeric-unrepresentable-event/no2":   "true",
		"numeric-unrepresentable-event/no3":   "true",
	}
	docs, err := os.ReadFile("../../docs/patterns.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, v := range loadVectors(t) {
		if !v.quirk() {
			continue
		}
		seen++
		want, ok := ours[v.Name]
		if !ok {
			t.Errorf("%s: no answer of ours", v.Name)
		}
		family := v.Name
		if i := strings.LastIndexByte(family, '/'); strings.HasPrefix(family[i+1:], "yes") || strings.HasPrefix(family[i+1:], "no") {
			family = family[:i]
		}
		if !bytes.Contains(docs, []byte("`"+family+"`")) {
			t.Errorf("docs/patterns.md does not have %s", family)
		}
		for who, got := range answers(t, &v) {
			if got != want {
				t.Errorf("%s: %s says %s, want %s\npattern %s\nevent   %s", v.Name, who, got, want, v.Pattern, v.Event)
			}
		}
	}
	if seen != len(ours) {
		t.Errorf("%d quirks, want %d", seen, len(ours))
	}
}
