package events

import (
	"encoding/base64"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// pages writes NextToken.
var pages = awsapi.Pages{Encoding: base64.StdEncoding, Invalid: func() *awsapi.Error {
	return validation("Parameter NextToken is not valid.")
}}

// maxPage is how many things a page has at most, and if nothing else is asked for.
const maxPage = 100

// paged is the part of an input that asks for a page.
type paged struct {
	NextToken string
	Limit     awsapi.Int
}

func (s *paged) fields(f []field) []field {
	return append(f, optional("NextToken", &s.NextToken), optional("Limit", &s.Limit))
}

func (s *paged) constrain(c *awsapi.Constraints) {
	c.Optional("nextToken", s.NextToken, nextToken)
	c.Number("limit", s.Limit, 1, maxPage)
}

// collect goes through a listing, from where the page begins to where it is full of what is to be kept, and returns that and the
// token of the next page. A nil keep keeps all.
func collect[T any](
	page *paged, list func(after string, limit int) ([]T, bool, error), nameOf func(*T) string, keep func(*T) bool,
) (kept []T, token string, err error) {
	after, err := pages.After(page.NextToken)
	if err != nil {
		return nil, "", err
	}
	limit := int(page.Limit.Or(maxPage))
	for {
		entries, more, err := list(after, limit)
		if err != nil {
			return nil, "", err
		}
		for i := range entries {
			if keep != nil && !keep(&entries[i]) {
				continue
			}
			if len(kept) == limit {
				return kept, pages.Token(nameOf(&kept[limit-1])), nil
			}
			kept = append(kept, entries[i])
		}
		switch {
		case !more || len(entries) == 0:
			return kept, "", nil
		case keep == nil:
			return kept, pages.Token(nameOf(&kept[len(kept)-1])), nil
		}
		after = nameOf(&entries[len(entries)-1])
	}
}

// query selects what is listed after a name.
func query(r *awsapi.Request, prefix, after string, limit int) catalog.Query {
	q := catalog.Query{Account: r.Account, Region: r.Region, Prefix: prefix, Limit: limit}
	if after != "" {
		q.After = named(r, after)
	}
	return q
}
