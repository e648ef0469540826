package destination

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

const (
	masked = "***"
	// minMasked is how long a secret is at least that is looked for in what others write: a shorter one is in any text.
	minMasked = 4
)

// masks replace secrets, which an endpoint may repeat in what it answers, in what is recorded and told.
type masks struct {
	words    []string // the longest first
	replacer *strings.Replacer
}

// newMasks looks for secrets as they are, and as JSON, URLs and forms write them.
func newMasks(secrets ...string) *masks {
	m := &masks{}
	for _, s := range secrets {
		if len(s) < minMasked {
			continue
		}
		quoted := quote(nil, s)
		html, _ := json.Marshal(s) // a text always has a JSON form
		m.words = append(m.words, s, string(quoted[1:len(quoted)-1]), string(html[1:len(html)-1]), url.QueryEscape(s), url.PathEscape(s))
	}
	slices.SortFunc(m.words, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	m.words = slices.Compact(m.words)
	if len(m.words) > 0 {
		pairs := make([]string, 0, 2*len(m.words))
		for _, w := range m.words {
			pairs = append(pairs, w, masked)
		}
		m.replacer = strings.NewReplacer(pairs...)
	}
	return m
}

func (m *masks) text(s string) string {
	if m.replacer == nil {
		return s
	}
	return m.replacer.Replace(s)
}

// cut takes off the beginning of a secret that a text which was cut off ends with, and a secret that overlaps with that.
func (m *masks) cut(body []byte) []byte {
	at := len(body)
	for _, w := range m.words {
		for n := min(len(w), len(body)); n >= minMasked && len(body)-n < at; n-- {
			if bytes.HasSuffix(body, []byte(w[:n])) {
				at = len(body) - n
			}
		}
	}
	if at == len(body) {
		return body
	}
	for grown := true; grown; {
		grown = false
		for _, w := range m.words {
			from := max(at-len(w)+1, 0)
			if i := bytes.Index(body[from:min(at+len(w)-1, len(body))], []byte(w)); i >= 0 && from+i < at {
				at, grown = from+i, true
			}
		}
	}
	return append(body[:at:at], masked...)
}

// result replaces secrets in what came of a call.
func (m *masks) result(r *endpoint.Result) {
	if m.replacer == nil {
		return
	}
	if len(r.Body) > 0 {
		if r.Truncated {
			r.Body = m.cut(r.Body)
		}
		r.Body = []byte(m.text(string(r.Body)))
	}
	for name, values := range r.Header {
		for i := range values {
			values[i] = m.text(values[i])
		}
		if shown := m.text(name); shown != name {
			delete(r.Header, name)
			r.Header[shown] = values
		}
	}
	r.Location = m.text(r.Location)
	if r.Err != nil {
		if text := r.Err.Error(); m.text(text) != text {
			r.Err = errors.New(m.text(text))
		}
	}
}
