package sns

import "testing"

func TestWithoutPassword(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://h/p?q=a@b":           "https://h/p?q=a@b",
		"https://user@h/":             "https://user@h/",
		"https://user:secret@h/p?q=1": "https://user:****@h/p?q=1",
		"https://user:se@cret@h/":     "https://user:****@h/",
		"https://user:xxxxx@h/":       "https://user:****@h/",
	} {
		if got := withoutPassword(given); got != want {
			t.Errorf("%s is shown as %s, want %s", given, got, want)
		}
	}
}
