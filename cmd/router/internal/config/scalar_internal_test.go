package config

import (
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// TestWithin writes texts in every style of YAML and looks up each of their characters in what was written.
func TestWithin(t *testing.T) {
	t.Parallel()
	styles := map[string]yaml.Style{
		"plain": 0, "single": yaml.SingleQuotedStyle, "double": yaml.DoubleQuotedStyle, "literal": yaml.LiteralStyle, "folded": yaml.FoldedStyle,
	}
	rapid.Check(t, func(t *rapid.T) {
		style := rapid.SampledFrom([]string{"plain", "single", "double", "literal", "folded"}).Draw(t, "style")
		// Long enough for the encoder to fold lines.
		words := rapid.SliceOfN(rapid.StringMatching(`[a-zé😀"'\\$#:]{1,8}[ \n]{0,3}`), 1, 60).Draw(t, "words")
		text := strings.Join(words, "")
		at := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: styles[style]}
		if rapid.Bool().Draw(t, "anchor") {
			at.Anchor = "here"
		}
		data, err := yaml.Marshal(map[string]*yaml.Node{"key": at})
		if err != nil {
			t.Fatal(err)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
		n := doc.Content[0].Content[1]
		src := newSource(data)
		last := spot{}
		for offset, want := range n.Value {
			if unicode.IsSpace(want) {
				continue
			}
			got := src.within(n, offset)
			if got.line < last.line || got.line == last.line && got.column <= last.column {
				t.Fatalf("%q is at %v, not behind %v, in\n%s", want, got, last, data)
			}
			last = got
			line := []rune(src[got.line-1])
			if c := line[got.column-1]; c != want && c != '\\' {
				t.Fatalf("%q at byte %d is told to be at %v, where %q is, in\n%s", want, offset, got, c, data)
			}
		}
	})
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wrong, likely string
	}{
		{"ordres", "orders"}, {"order", "orders"}, {"ORDERS", "orders"}, {"max-in-flight", "max_in_flight"}, {"red", ""}, {"", ""},
		{"colour", ""}, {"timeot", "timeout"}, {strings.Repeat("x", 300), ""},
	} {
		if got := suggest(c.wrong, []string{"orders", "max_in_flight", "timeout"}); got != c.likely {
			t.Errorf("for %.20q: %q, want %q", c.wrong, got, c.likely)
		}
	}
}

// TestRedact shows what of a secret may be left in a message: no more than chance has.
func TestRedact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z0-9/:@é"-]{3,40}`).Draw(t, "secret")
		from := rapid.IntRange(0, len(secret)-1).Draw(t, "from")
		part := secret[from:]
		before := rapid.SampledFrom([]string{"", "is ", `"`, "not `", "unit "}).Draw(t, "before")
		got := redactRuns(before+part+" is wrong", strings.ToLower(secret))
		if len(part) > longestShown && strings.Contains(got, part) {
			t.Fatalf("%q shows %q of %q", got, part, secret)
		}
	})
}
