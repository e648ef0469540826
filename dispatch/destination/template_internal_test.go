package destination

import (
	"net/url"
	"strings"
	"testing"
)

func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url    string
		values []string
		want   string // or the error, after "!"
	}{
		{"https://api.test", nil, "https://api.test"},
		{"https://api.test/", []string{"left over"}, "https://api.test/"},
		{"https://api.test/orders/*/items/*", []string{"a b", "c/d?e#f"}, "https://api.test/orders/a%20b/items/c%2Fd%3Fe%23f"},
		{"https://api.test/*", []string{"ü%2F*"}, "https://api.test/%C3%BC%252F%2A"},
		{"https://api.test/v*/x", []string{"1"}, "https://api.test/v1/x"},
		{"https://api.test/%2A/*?q=*", []string{"1"}, "https://api.test/%2A/1?q=*"},
		{"https://api.test/a%20b/*", []string{"line\nbreak"}, "https://api.test/a%20b/line%0Abreak"},
		{"https://api.test/*/*", []string{"1"}, "!too few values for the path of the URL: it has asterisks for 2, and the target gives 1"},
		{"https://api.test/*", nil, "!too few values for the path of the URL: it has asterisks for 1, and the target gives 0"},
		{"https://api.test/a/*", []string{""}, "!the value for asterisk 1 of the URL is empty, or the event has none"},
		{"https://api.test/a/*", []string{".."}, "!a value for the path of the URL makes it lead elsewhere: .."},
		{"https://api.test/a/*", []string{"."}, "!a value for the path of the URL makes it lead elsewhere: ."},
		{"https://api.test/a/**", []string{".", "."}, "!a value for the path of the URL makes it lead elsewhere: .."},
		{"https://api.test/a/*", []string{"..."}, "https://api.test/a/..."},
		{"https://api.test/a/x*", []string{".."}, "https://api.test/a/x.."},
		{"https://api.test/a/../*", []string{"b"}, "https://api.test/a/../b"}, // as it was defined
		{"https://user:pass@api.test/*", []string{"b"}, "https://user:pass@api.test/b"},
		{"https://*.test/a", nil, "!can have asterisks in its path only"},
	} {
		got := ""
		tmpl, err := parseTemplate(c.url)
		if err == nil {
			var u *url.URL
			if u, err = tmpl.fill(c.values); err == nil {
				got = u.String()
			}
		}
		if err != nil {
			got = "!" + err.Error()
		}
		if got != c.want {
			t.Errorf("%s %q: %s, want %s", c.url, c.values, got, c.want)
		}
	}
	d := Destination{URL: "https://api.test/*/b/*"}
	if n := d.Wildcards(); n != 2 {
		t.Errorf("%d wildcards", n)
	}
	if n := (&Destination{URL: ":"}).Wildcards(); n != 0 {
		t.Errorf("%d wildcards", n)
	}
}

// Whatever a value is, it stays within its segment of the path, and the server reads it as it was.
func FuzzTemplate(f *testing.F) {
	f.Add("https://api.test/orders/*/items/*?a=b", "a", "b")
	f.Add("https://api.test/*%2F**", "..", "../..")
	f.Add("http://u:p@[::1]:80/a*b", "%2e", "\xff\x00")
	f.Fuzz(func(t *testing.T, raw, one, other string) {
		tmpl, err := parseTemplate(raw)
		if err != nil {
			return
		}
		values := []string{one, other}
		u, err := tmpl.fill(values)
		if err != nil {
			return
		}
		if u.Host != tmpl.url.Host || u.Scheme != tmpl.url.Scheme || u.RawQuery != tmpl.url.RawQuery || u.User.String() != tmpl.url.User.String() {
			t.Fatalf("%s leads to %s", raw, u)
		}
		if a, b := strings.Count(u.EscapedPath(), "/"), strings.Count(tmpl.url.EscapedPath(), "/"); a != b {
			t.Fatalf("%s has become %s", raw, u)
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Path != u.Path || again.Host != u.Host {
			t.Fatalf("%s reads as %s: %v", u, again, err)
		}
		if tmpl.wildcards() == 1 && !strings.Contains(again.Path, one) {
			t.Fatalf("%s lost %q: %q", u, one, again.Path)
		}
	})
}
