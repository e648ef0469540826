package sqs

import (
	"strings"
	"testing"
)

func TestIsNumber(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	for _, text := range []string{
		"0", "-0", "0.0", "+1", "-1.5", "1.", ".5", "1e10", "1E-10", "1e126", "-1e126", "1e-128", nines, "0." + nines, "1" + strings.Repeat("0", 100),
		"0." + strings.Repeat("0", 100) + "1", "0e999",
	} {
		if !isNumber(text) {
			t.Errorf("%q is no number", text)
		}
	}
	for _, text := range []string{
		"", " ", "x", "1x", " 1", "1 ", "1,5", "--1", "+-1", "1e", "e1", ".", "1.2.3", "0x10", "1_000", "NaN", "Inf", "-infinity", "1e127", "1e-129",
		"1e999", "1e-999", nines + "9", "1." + nines, strings.Repeat("0", 257), "١",
	} {
		if isNumber(text) {
			t.Errorf("%q is a number", text)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\t\n\r", " ", "~\x7f", "\u0080", "\ud7ff", "\ue000", "\ufffd", "\U00010000", "\U0010ffff"} {
		if !allowed([]byte(text)) {
			t.Errorf("%q is not allowed", text)
		}
	}
	for c := range byte(' ') {
		if is := allowed([]byte{'a', c}); is != (c == '\t' || c == '\n' || c == '\r') {
			t.Errorf("%#x is allowed: %v", c, is)
		}
	}
	for _, text := range []string{"\ufffe", "\uffff", "a\xff", "\xed\xa0\x80", "\xc0\x80", "\xe2\x82"} {
		if allowed([]byte(text)) {
			t.Errorf("%q is allowed", text)
		}
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names string
		name  string
		want  bool
	}{
		{"All", "a", true}, {".*", "a", true}, {"a", "a", true}, {"a", "ab", false}, {"a", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a.b.c", true},
		{"a.*", "a", true}, {"a.*", "ab", true}, {"a.*", "b", false}, {"A.*", "a.b", false}, {"b a", "a", true}, {"", "a", false}, {"all", "a", false}, {"*", "a", false},
	} {
		if got := asked(strings.Split(c.names, " "), c.name); got != c.want {
			t.Errorf("asked for %q: %s is asked for: %v", c.names, c.name, got)
		}
	}
}

func TestSequenceNumber(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "00000000000000000000", 7: "00000000000000000007", 1<<64 - 1: "18446744073709551615"} {
		if got := sequenceNumber(n); got != want {
			t.Errorf("%d: got %s", n, got)
		}
	}
}

func TestSystemNames(t *testing.T) {
	t.Parallel()
	one, err := systemNamesOf([]string{"SenderId"}, []string{"SentTimestamp"})
	if err != nil || one != 3 {
		t.Errorf("got %b %v", one, err)
	}
	all, err := systemNamesOf(nil, []string{"SenderId", "All"})
	if err != nil || all != allSystemNames {
		t.Errorf("got %b %v", all, err)
	}
	if none, err := systemNamesOf([]string{"QueueArn"}); err != nil || none != 0 {
		t.Errorf("a queue's attribute, which clients sent once: got %b %v", none, err)
	}
}
