package config

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const envBegin = "${env:"

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// text is a scalar after its references to environment variables were replaced.
type text struct {
	value string
	spans []envSpan
}

// envSpan is a reference, in bytes: where it was in the scalar and where its value is in the text.
type envSpan struct{ rawFrom, rawTo, from, to int }

// raw returns the offset in the scalar of an offset in the text. What came from a variable is at the reference to it.
func (t *text) raw(offset int) int {
	shift := 0
	for _, s := range t.spans {
		switch {
		case offset < s.from:
			return offset + shift
		case offset < s.to:
			return s.rawFrom
		}
		shift = s.rawTo - s.to
	}
	return offset + shift
}

// expand replaces ${env:NAME} in a scalar; $${env:NAME} stands for ${env:NAME} itself. It reports what can not be replaced,
// and then ok is false. It does so once for each scalar.
func (d *decoder) expand(n *yaml.Node, path string) (value string, ok bool) {
	if t, done := d.texts[n]; done {
		return t.value, !d.failed[n]
	}
	t := &text{}
	d.texts[n] = t
	var out strings.Builder
	in, at := n.Value, 0
	for {
		begin := strings.Index(in[at:], envBegin)
		if begin < 0 {
			break
		}
		begin += at
		if begin > at && in[begin-1] == '$' {
			out.WriteString(in[at:begin])
			out.WriteString(envBegin[1:])
			t.spans = append(t.spans, envSpan{rawFrom: begin - 1, rawTo: begin + len(envBegin), from: out.Len() - len(envBegin), to: out.Len()})
			at = begin + len(envBegin)
			continue
		}
		name, _, closed := strings.Cut(in[begin+len(envBegin):], "}")
		if !closed || !envName.MatchString(name) {
			d.failIn(n, path, begin, "has a ${env:…} that is not of the form ${env:NAME}, with a NAME of letters, digits and underscores")
			return "", false
		}
		end := begin + len(envBegin) + len(name) + 1
		v, set := d.env(name)
		if !set {
			d.failIn(n, path, begin, fmt.Sprintf("needs the environment variable %s, which is not set", name))
		}
		out.WriteString(in[at:begin])
		from := out.Len()
		out.WriteString(v)
		t.spans = append(t.spans, envSpan{rawFrom: begin, rawTo: end, from: from, to: out.Len()})
		at = end
	}
	out.WriteString(in[at:])
	t.value = out.String()
	return t.value, !d.failed[n]
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`")

// longestShown is how many characters a message may have in common with a secret, which are hardly more than chance.
const longestShown = 5

// redact takes out of a message what came from environment variables in the scalars below a node: quoted parts of their
// values, and whatever else is too long to be in both by chance.
func (d *decoder) redact(n *yaml.Node, message string) string {
	for _, secret := range d.secrets(n) {
		lower := strings.ToLower(secret)
		message = quoted.ReplaceAllStringFunc(message, func(q string) string {
			inner := strings.TrimSuffix(strings.ToLower(q[1:len(q)-1]), "…")
			if inner != "" && strings.Contains(lower, inner) {
				return q[:1] + "***" + q[len(q)-1:]
			}
			return q
		})
		message = redactRuns(message, lower)
	}
	return message
}

func redactRuns(message, secret string) string {
	var out strings.Builder
	lower := strings.ToLower(message)
	if len(lower) != len(message) { // a rare letter whose lower case is longer
		lower = message
	}
	for i := 0; i < len(message); {
		n := 0
		for i+n < len(message) && strings.Contains(secret, lower[i:i+n+1]) {
			n++
		}
		if n > longestShown || n > 0 && n == len(secret) && n > 2 {
			out.WriteString("***")
			i += n
			continue
		}
		out.WriteByte(message[i])
		i++
	}
	return strings.ToValidUTF8(out.String(), "*")
}

// secrets returns the values of the variables that the scalars below a node refer to.
func (d *decoder) secrets(n *yaml.Node) []string {
	var values []string
	seen := map[*yaml.Node]bool{}
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		n = target(n)
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		if t := d.texts[n]; t != nil {
			for _, s := range t.spans {
				if v := t.value[s.from:s.to]; v != "" && v != envBegin {
					values = append(values, v)
				}
			}
		}
		for _, c := range n.Content {
			visit(c)
		}
	}
	visit(n)
	return values
}
