package catalog

import (
	"strings"
	"unicode/utf8"
	"unique"
)

// Compare orders names by account, then region, then name, byte by byte. It returns -1, 0 or 1.
func (n Name) Compare(m Name) int { return compareNames(&n, &m) }

func compareNames(a, b *Name) int {
	// Accounts and regions are nearly always equal, and share their bytes (see intern), which makes these two tests cheap.
	if a.Account != b.Account {
		return strings.Compare(a.Account, b.Account)
	}
	if a.Region != b.Region {
		return strings.Compare(a.Region, b.Region)
	}
	return strings.Compare(a.Name, b.Name)
}

// invalid says what is wrong with a name, or "".
func (n Name) invalid() string {
	switch {
	case n.Account == "" || n.Region == "" || n.Name == "":
		return "account, region and name must not be empty"
	case strings.Contains(n.Account, "/") || strings.Contains(n.Region, "/"):
		return "account and region must not contain a slash"
	case !utf8.ValidString(n.Account) || !utf8.ValidString(n.Region) || !utf8.ValidString(n.Name):
		return "not UTF-8"
	}
	return ""
}

// intern makes the strings that many records have in common share their bytes.
func intern(r *Record) {
	r.Table = unique.Make(r.Table).Value()
	r.Name.Account = unique.Make(r.Name.Account).Value()
	r.Name.Region = unique.Make(r.Name.Region).Value()
	r.Owner = unique.Make(r.Owner).Value()
}
