package destination

import (
	"net/url"
	"slices"
	"strings"
)

// pair is a parameter of a query.
type pair struct {
	key, value string
	secret     bool
}

func hasKey(pairs []pair, key string) bool {
	return slices.ContainsFunc(pairs, func(p pair) bool { return p.key == key })
}

// addQuery adds pairs to a query, in the place of those of the same names. What is there besides stays as it is written. shown
// is the same without secrets.
func addQuery(query string, pairs []pair) (sent, shown string) {
	if len(pairs) == 0 {
		return query, query
	}
	var kept []string
	if query != "" {
		kept = strings.Split(query, "&")
	}
	kept = slices.DeleteFunc(kept, func(one string) bool {
		key, _, _ := strings.Cut(one, "=")
		name, err := url.QueryUnescape(key)
		return err == nil && hasKey(pairs, name)
	})
	open := slices.Clone(kept)
	for _, p := range pairs {
		key := url.QueryEscape(p.key) + "="
		kept = append(kept, key+url.QueryEscape(p.value))
		if p.secret {
			open = append(open, key+masked)
		} else {
			open = append(open, key+url.QueryEscape(p.value))
		}
	}
	return strings.Join(kept, "&"), strings.Join(open, "&")
}
